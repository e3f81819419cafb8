/** The table in which Kysely notes what has run, and the column that we add to it. */
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { KnownMigration } from './migration-source.ts'

/** Where the executed migrations are noted. */
export interface RecordTable {
  readonly schema: string
  readonly table: string
}

/** A migration that has run. */
export interface ExecutedMigration {
  readonly name: string
  readonly executedAt: Date
  /** Null for what was run without this runner, until it is taken over. */
  readonly checksum: string | null
}

/** A table with what has been run, in any order; undefined when it does not exist. */
export async function readRecords<DB>(
  db: Kysely<DB>,
  at: RecordTable,
): Promise<readonly ExecutedMigration[] | undefined> {
  const { exists, hasChecksums } = await readShape(db, at)
  if (!exists) return undefined
  const checksum = hasChecksums ? sql.ref('checksum') : sql`null::text`
  const { rows } = await sql<{ name: string; timestamp: string; checksum: string | null }>`
    select name, timestamp, ${checksum} as checksum from ${tableOf(at)}`.execute(db)
  return rows.map(({ name, timestamp, checksum }) => ({ name, executedAt: new Date(timestamp), checksum }))
}

/**
 * Creates the table as the installed Kysely would, and gives it the column `checksum`.
 *
 * A column of Kysely's table, not a table of ours: whatever takes a migration back takes its checksum with it.
 */
export async function createRecords<DB>(db: Kysely<DB>, at: RecordTable): Promise<void> {
  const { exists, hasChecksums } = await readShape(db, at)
  if (!exists) {
    const migrator = new Migrator({
      db,
      provider: { getMigrations: async () => await Promise.resolve({}) },
      migrationTableSchema: at.schema,
      migrationTableName: at.table,
      migrationLockTableName: lockTableOf(at),
    })
    const { error } = await migrator.migrateToLatest()
    if (error !== undefined) throw error
  }
  if (!hasChecksums) {
    await sql`alter table ${tableOf(at)} add column if not exists checksum text`.execute(db)
    await sql`comment on column ${sql.id(at.schema, at.table, 'checksum')} is
      'What ibex-db saw of the migration''s source when it ran; null when it was run by something else.'`.execute(
      db,
    )
  }
}

/** The table that Kysely makes beside it; its one row is not used on PostgreSQL. */
export function lockTableOf({ table }: Pick<RecordTable, 'table'>): string {
  return `${table}_lock`
}

/** Notes that a migration has run; `executedAt` is later than that of all others, because Kysely sorts by it. */
export async function insertRecord<DB>(
  db: Kysely<DB>,
  at: RecordTable,
  { name, checksum = null }: Pick<KnownMigration, 'name' | 'checksum'> | ExecutedMigration,
): Promise<void> {
  await sql`
    insert into ${tableOf(at)} (name, timestamp, checksum)
    select ${name}, to_char(greatest(clock_timestamp(), coalesce(max(timestamp::timestamptz), '-infinity') + interval '1 ms')
      at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), ${checksum} from ${tableOf(at)}`.execute(db)
}

/** Forgets a migration that was taken back. */
export async function deleteRecord<DB>(
  db: Kysely<DB>,
  at: RecordTable,
  { name }: Pick<KnownMigration, 'name'>,
): Promise<void> {
  await sql`delete from ${tableOf(at)} where name = ${name}`.execute(db)
}

/** Notes the checksums of migrations that have run. */
export async function updateChecksums<DB>(
  db: Kysely<DB>,
  at: RecordTable,
  migrations: readonly Pick<KnownMigration, 'name' | 'checksum'>[],
): Promise<void> {
  if (migrations.length === 0) return
  const names = migrations.map(({ name }) => name)
  const checksums = migrations.map(({ checksum = null }) => checksum)
  await sql`
    update ${tableOf(at)} as record set checksum = given.checksum
    from unnest(${names}::text[], ${checksums}::text[]) as given (name, checksum)
    where record.name = given.name`.execute(db)
}

interface Shape {
  readonly exists: boolean
  readonly hasChecksums: boolean
}

/** Asks the catalog, not to_regclass: that would need rights on the schema. */
async function readShape<DB>(db: Kysely<DB>, { schema, table }: RecordTable): Promise<Shape> {
  const { rows } = await sql<Shape>`
    select true as exists, exists (select from pg_catalog.pg_attribute
      where attrelid = pg_class.oid and attname = 'checksum' and not attisdropped) as "hasChecksums"
    from pg_catalog.pg_class join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${schema} and relname = ${table} and relkind = 'r'`.execute(db)
  return rows[0] ?? { exists: false, hasChecksums: false }
}

function tableOf({ schema, table }: RecordTable): ReturnType<typeof sql.id> {
  return sql.id(schema, table)
}
