import type { Kysely } from 'kysely'
import { createRoles } from '../src/migration/roles.ts'

/** Creates `ibex_app`, `ibex_system` and `ibex_search`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createRoles(db)
}

/** Leaves the roles: they belong to the whole cluster, and dropping one takes it from every login that has it. */
export async function down(): Promise<void> {}
