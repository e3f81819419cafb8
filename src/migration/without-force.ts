/** The owner's view of tenant tables, for as long as a callback runs. */
import { quoteText } from '../database/quote.ts'
import { MigrationError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import { parseTableName } from './names.ts'

/**
 * Lets the owner see and change the rows of all tenants in these tables while the callback runs.
 *
 * Under FORCE the owner's backfill finds no row, and a new constraint is called valid without having been checked. The
 * migration connection turns both into an error; this is the way to do them on purpose. Partitions are included, and so
 * must be each table that triggers of these write to.
 *
 * ```ts
 * await withoutForce(db, ['public.notes'], async () => {
 *   await sql`update public.notes set title = left(body, 80) where title is null`.execute(db)
 * })
 * ```
 *
 * Nobody else can look in the meantime: both statements hold an exclusive lock until the transaction ends.
 *
 * @throws {MigrationError} outside a transaction.
 */
export async function withoutForce<T>(
  db: MigrationHandle,
  tables: readonly string[],
  callback: () => Promise<T>,
): Promise<T> {
  if (!db.isTransaction) {
    throw new MigrationError(
      'withoutForce needs a transaction: without one other sessions could look in between',
    )
  }
  const forced = await readForced(db, tables)
  for (const table of forced) await run(db, `alter table ${table} no force row level security`)
  try {
    const result = await callback()
    await force(db, forced)
    return result
  } catch (error) {
    // after an error of PostgreSQL the statement is refused and the rollback restores FORCE; after any other it must run
    await force(db, forced).catch(() => {})
    throw error
  }
}

async function force(db: MigrationHandle, tables: readonly string[]): Promise<void> {
  for (const table of tables) await run(db, `alter table ${table} force row level security`)
}

async function readForced(db: MigrationHandle, tables: readonly string[]): Promise<readonly string[]> {
  const names = tables.map((table) => `(${quoteText(parseTableName(table).sql)}::regclass)`).join(', ')
  const rows = await read<{ name: string }>(
    db,
    `select distinct format('%I.%I', nspname, relname) as name
    from (values ${names}) as given (root)
    cross join lateral (select root as relid union select relid from pg_catalog.pg_partition_tree(root)) as tree
    join pg_catalog.pg_class on pg_class.oid = tree.relid
    join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
    where relforcerowsecurity order by 1`,
  )
  return rows.map(({ name }) => name)
}
