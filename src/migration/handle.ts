/** What the helpers need of a Kysely instance. */
import { sql } from 'kysely'
import type { QueryExecutorProvider } from 'kysely'

/** Any `Kysely<DB>` or `Transaction<DB>`; a migration is handed a transaction. */
export interface MigrationHandle extends QueryExecutorProvider {
  readonly isTransaction: boolean
}

/** Runs one statement without parameters: data definition takes none. */
export async function run(db: MigrationHandle, statement: string): Promise<void> {
  await sql.raw(statement).execute(db)
}

/** Reads rows of the catalog. */
export async function read<Row>(db: MigrationHandle, statement: string): Promise<Row[]> {
  const { rows } = await sql.raw<Row>(statement).execute(db)
  return rows
}

/** The SQLSTATE of an error of PostgreSQL, else `undefined`. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
