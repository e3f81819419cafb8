/** What a test gets when it asks for a database, and how it asks. */
import type { Kysely } from 'kysely'
import type { MigrationProvider } from 'kysely/migration'
import type { DatabaseTarget } from '../database/options.ts'

/** Where the database comes from: exactly one of the first four, and what is put into it. */
export interface StartOptions {
  /** A container of its own; `true` for `pgvector/pgvector:pg17`. Needs `@testcontainers/postgresql` and Docker. */
  readonly testcontainers?: true | { readonly image: string } | undefined
  /** The URL of a superuser; databases called `ibex_testing_…` are created and dropped. */
  readonly url?: string | undefined
  /** The embedded engine, in memory. Needs `@electric-sql/pglite` and its vector extension. */
  readonly embedded?: true | undefined
  /** A copy of what another process has prepared. */
  readonly snapshot?: DatabaseSnapshot | undefined
  /** Run first, all in one transaction: your own provider, with ours in it where your tables refer to ours. */
  readonly migrations?: MigrationProvider | undefined
  /** Called after the migrations with a superuser's Kysely: for roles, scripts, rows that all tests share. */
  readonly prepare?: ((admin: Kysely<unknown>) => Promise<void>) | undefined
}

/** A database that nobody else uses; `await using` takes it away again. */
export interface TestDatabase<DB = unknown> extends AsyncDisposable {
  readonly backend: 'testcontainers' | 'server' | 'embedded'
  /** What `createDatabase`, `diagnose` and the other functions of the kit take. */
  readonly target: DatabaseTarget
  /**
   * A superuser, held by no policy: to prepare rows, and to look at what other tenants have.
   *
   * The embedded engine has one session, which this shares: never use it inside a tenant's transaction.
   */
  readonly admin: Kysely<DB>
  /** Opens another database, as this one was after `migrations` and `prepare`. */
  clone(): Promise<TestDatabase<DB>>
  /** Returns what `startTestDatabase({ snapshot })` takes in another process: plain JSON. Ends with this database. */
  snapshot(): Promise<DatabaseSnapshot>
  /** Closes `admin` and drops the database; close your own connections first. */
  close(): Promise<void>
}

/** A prepared database, told to another process: vitest's `provide`, an environment variable. */
export type DatabaseSnapshot =
  | { readonly backend: 'testcontainers' | 'server'; readonly url: string; readonly template: string }
  | { readonly backend: 'embedded'; readonly archive: string }
