/** What a call of every method of every repository is, so that leaving one out is an error of types. */
import type { BaseRepository } from '../../src/repository/base-repository.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'

/** A tenant of the fixture, and the ids of its rows. */
export interface FixtureIds {
  readonly orgId: string
  /** The id of the first row of a table: of an execution, one that is running. */
  first(table: string): string
  /** The id of the second row of a table. */
  of(table: string): string
  /** The id of the last row of a table: the one that fewest others refer to. */
  last(table: string): string
}

/** A repository of whatever table, for what all have in common. */
export type AnyRepository = BaseRepository<DB, 'ibex_core.agents'>
/** The repositories of a tenant by their names. */
export type Repositories = {
  [
    P in keyof TenantTransaction as TenantTransaction[P] extends { findById: unknown } ? P : never
  ]: TenantTransaction[P]
}
type OwnMethod<R> = Exclude<keyof R, keyof AnyRepository>
/** A call of one method. */
export type Call<R> = (repository: R, ids: FixtureIds) => Promise<unknown>
/** Every method that a repository adds to the base: leaving one out is an error of types. */
export type OwnCalls = {
  readonly [P in keyof Repositories]: { readonly [M in OwnMethod<Repositories[P]>]: Call<Repositories[P]> }
}
