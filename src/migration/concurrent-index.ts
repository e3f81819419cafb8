/** Indexes on tables that are in use: built without keeping writers out, and never left half-built. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { quoteText } from '../database/quote.ts'
import { MigrationError } from '../errors.ts'
import { read, run } from './handle.ts'
import type { MigrationHandle } from './handle.ts'
import { indexName, indexStatement } from './indexes.ts'
import type { IndexDefinition } from './indexes.ts'
import { parseTableName } from './names.ts'
import { isLockProblem, pauseAfter } from './run-migration.ts'

/** What the index holds, column for column as given: let it lead with the tenant's. */
export interface ConcurrentIndex extends Omit<IndexDefinition, 'acrossTenants'> {
  /** How often a build is tried when a lock was not free or a deadlock ended it (default 3). */
  readonly attempts?: number
  /**
   * Milliseconds that a build waits for the transactions that were there before it (default 60,000). It keeps nobody from
   * reading or writing meanwhile, so this is longer than the wait of other migrations.
   */
  readonly lockTimeout?: number
}

/**
 * Creates an index with `create index concurrently`; for a migration with `export const config = { transaction: false }`.
 *
 * A build that fails leaves an invalid index in PostgreSQL, which every write has to keep up and no query may use: it is
 * dropped here, and tried again when only a lock was in the way. So is one that a killed runner left. An index of this name
 * that is there and valid is taken for the one that is wanted.
 *
 * A partitioned table takes no concurrent build: each partition gets its index, and the table's own is put together from them.
 *
 * ```sql
 * create index concurrently orders_tenant_id_created_at_idx on shop.orders using btree (tenant_id, created_at)
 * ```
 *
 * @throws {MigrationError} inside a transaction, when there is no such table, or another table's index has the name.
 */
export async function createIndexConcurrently(
  db: MigrationHandle,
  table: string,
  definition: ConcurrentIndex,
): Promise<void> {
  if (db.isTransaction) {
    throw new MigrationError(
      'createIndexConcurrently cannot run in a transaction: export const config = { transaction: false }',
    )
  }
  const { schema, name: relation } = parseTableName(table)
  const name = indexName(parseTableName(table), definition)
  await build(db, { schema, relation, name }, definition)
}

/** An index to be, and the table that it is on; names as the catalog has them. */
interface Place {
  readonly schema: string
  readonly relation: string
  readonly name: string
}

async function build(db: MigrationHandle, place: Place, definition: ConcurrentIndex): Promise<void> {
  const table = await readTable(db, place)
  if (table.isPartitioned) await buildOnPartitions(db, place, definition)
  else await buildOnTable(db, place, definition)
}

/** Sub-partitioned tables included; the table's own index turns valid with the last one that is attached. */
async function buildOnPartitions(
  db: MigrationHandle,
  place: Place,
  definition: ConcurrentIndex,
): Promise<void> {
  const { attempts = 3 } = definition
  const present = await readIndex(db, place)
  if (present?.isValid === true) return
  const own = indexStatement(definition, { name: quote(place.name), table: `only ${tableOf(place)}` })
  // these two do keep writers out while they wait, so they wait as briefly as every migration
  if (present === undefined) await retryLocks(attempts, async () => await run(db, own))
  for (const partition of await readPartitions(db, place)) {
    const child = { ...partition, name: partitionIndexName(partition.relation, place.name) }
    await build(db, child, definition)
    // attaching again what is attached does nothing
    const attach = `alter index ${indexOf(place)} attach partition ${indexOf(child)}`
    await retryLocks(attempts, async () => await run(db, attach))
  }
}

async function buildOnTable(db: MigrationHandle, place: Place, definition: ConcurrentIndex): Promise<void> {
  const { attempts = 3, lockTimeout = 60_000 } = definition
  const at = { name: quote(place.name), table: tableOf(place), concurrently: true }
  const statement = indexStatement(definition, at)
  await withLockTimeout(db, lockTimeout, async () => {
    await retryLocks(attempts, async () => {
      if (await isBuilt(db, place)) return
      try {
        await run(db, statement)
      } catch (error) {
        throw (await dropInvalid(db, place)) ? error : leftover(place, error)
      }
    })
  })
}

/** Calls back again after a pause when only a lock was in the way. */
async function retryLocks(attempts: number, callback: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await callback()
    } catch (error) {
      if (attempt >= attempts || !isLockProblem(error)) throw error
      await delay(pauseAfter(attempt))
    }
  }
}

async function withLockTimeout(
  db: MigrationHandle,
  lockTimeout: number,
  callback: () => Promise<void>,
): Promise<void> {
  const [before] = await read<{ value: string }>(db, "select current_setting('lock_timeout') as value")
  await run(db, `select set_config('lock_timeout', ${quoteText(String(lockTimeout))}, false)`)
  try {
    await callback()
  } finally {
    await run(db, `select set_config('lock_timeout', ${quoteText(before?.value ?? '0')}, false)`)
  }
}

/** True when the index is there; an invalid one of an earlier try is dropped first. */
async function isBuilt(db: MigrationHandle, place: Place): Promise<boolean> {
  const present = await readIndex(db, place)
  if (present === undefined) return false
  if (present.isValid) return true
  await run(db, `drop index concurrently if exists ${indexOf(place)}`)
  return false
}

/** False when the transactions that were in the way of the build are in the way of this too. */
async function dropInvalid(db: MigrationHandle, place: Place): Promise<boolean> {
  try {
    await isBuilt(db, place)
    return true
  } catch {
    return false
  }
}

function leftover({ name }: Place, cause: unknown): MigrationError {
  return new MigrationError(
    `index ${name} could not be built, and its invalid rest not be dropped, because transactions on its table do not end: ` +
      'end them and run the migration again, which drops it first',
    { cause },
  )
}

interface TableState {
  readonly isPartitioned: boolean
}

async function readTable(db: MigrationHandle, { schema, relation }: Place): Promise<TableState> {
  const [table] = await read<TableState>(
    db,
    `select relkind = 'p' as "isPartitioned" from pg_catalog.pg_class
    join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${quoteText(schema)} and relname = ${quoteText(relation)} and relkind in ('r', 'p', 'm')`,
  )
  if (table === undefined)
    throw new MigrationError(`there is no table ${schema}.${relation} to create an index on`)
  return table
}

/** @throws {MigrationError} when the name belongs to something else. */
async function readIndex(
  db: MigrationHandle,
  { schema, relation, name }: Place,
): Promise<{ readonly isValid: boolean } | undefined> {
  const [index] = await read<{ isValid: boolean | null; relation: string | null }>(
    db,
    `select indisvalid as "isValid", owner.relname::text as relation from pg_catalog.pg_class as named
    join pg_catalog.pg_namespace on pg_namespace.oid = named.relnamespace
    left join pg_catalog.pg_index on indexrelid = named.oid
    left join pg_catalog.pg_class as owner on owner.oid = indrelid
    where nspname = ${quoteText(schema)} and named.relname = ${quoteText(name)}`,
  )
  if (index === undefined) return undefined
  if (index.relation === relation) return { isValid: index.isValid === true }
  throw new MigrationError(
    `the name ${name} belongs to something that is no index of ${relation}: give the index a name`,
  )
}

async function readPartitions(
  db: MigrationHandle,
  { schema, relation }: Place,
): Promise<readonly Pick<Place, 'schema' | 'relation'>[]> {
  return await read(
    db,
    `select space.nspname::text as schema, child.relname::text as relation
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as parent on parent.oid = inhparent
    join pg_catalog.pg_namespace as home on home.oid = parent.relnamespace
    join pg_catalog.pg_class as child on child.oid = inhrelid
    join pg_catalog.pg_namespace as space on space.oid = child.relnamespace
    where home.nspname = ${quoteText(schema)} and parent.relname = ${quoteText(relation)} order by child.oid`,
  )
}

/** The same at every try, so that it is found again: the partition's name, and some of a hash of the whole index's. */
function partitionIndexName(partition: string, index: string): string {
  const hash = createHash('sha256').update(index).digest('hex').slice(0, 8)
  const most = 63 - '_'.length - hash.length
  let kept = partition
  while (Buffer.byteLength(kept) > most) kept = kept.slice(0, -1)
  return `${kept}_${hash}`
}

function tableOf({ schema, relation }: Place): string {
  return `${quote(schema)}.${quote(relation)}`
}

function indexOf({ schema, name }: Place): string {
  return `${quote(schema)}.${quote(name)}`
}

/** Partitions have been named by others, with any characters. */
function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
