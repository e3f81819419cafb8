/** What `pg_catalog` knows of keys, checks, indexes and partitions, and the code generator does not ask. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'

/** What a row of the catalog is about. */
interface OfTable {
  readonly table: string
}

/** An expression of a column: its default, or what generates it. */
export interface CatalogDefault extends OfTable {
  readonly column: string
  readonly expression: string
}

/** A CHECK constraint with the columns that it looks at. */
export interface CatalogCheck extends OfTable {
  readonly columns: readonly string[]
  readonly expression: string
}

/** A foreign key with both of its sides, column by column. */
export interface CatalogForeignKey extends OfTable {
  readonly columns: readonly string[]
  /** With its schema when that is another one. */
  readonly target: string
  readonly targetColumns: readonly string[]
  /** What stands after the columns: `ON DELETE SET NULL (agent_id)`; empty for NO ACTION. */
  readonly action: string
}

/** An index, the one behind a primary or unique key too. */
export interface CatalogIndex extends OfTable {
  readonly isPrimary: boolean
  readonly isUnique: boolean
  /** The indexed columns; an expression has none. */
  readonly columns: readonly string[]
  /** True when it holds every row, by columns alone: then a unique one is a key of the table. */
  readonly isPlain: boolean
  /** What stands after USING: `btree (org_id, created_at DESC) WHERE deleted_at IS NULL`. */
  readonly definition: string
}

/** How a table is split. */
export interface CatalogPartitioning extends OfTable {
  /** `HASH (org_id)` */
  readonly key: string
  readonly count: number
}

/** Everything above about one schema. */
export interface Catalog {
  readonly defaults: readonly CatalogDefault[]
  readonly checks: readonly CatalogCheck[]
  readonly foreignKeys: readonly CatalogForeignKey[]
  readonly indexes: readonly CatalogIndex[]
  readonly partitionings: readonly CatalogPartitioning[]
}

/**
 * Reads a schema in a fixed order, alike on every server version.
 *
 * Names of the search path are written without their schema. Constraints and indexes of partitions, which come from the
 * parent, are left out, and so are NOT NULL constraints, which PostgreSQL 18 lists.
 */
export async function readCatalog<DB>(db: Kysely<DB>, schema: string): Promise<Catalog> {
  // one after the other: the embedded engine has a single connection
  return {
    defaults: await readDefaults(db, schema),
    checks: await readChecks(db, schema),
    foreignKeys: await readForeignKeys(db, schema),
    indexes: await readIndexes(db, schema),
    partitionings: await readPartitionings(db, schema),
  }
}

async function readDefaults<DB>(db: Kysely<DB>, schema: string): Promise<readonly CatalogDefault[]> {
  const { rows } = await sql<CatalogDefault>`
    select c.relname::text as "table", a.attname::text as "column", pg_get_expr(d.adbin, d.adrelid, true) as expression
    from pg_attrdef as d
    join pg_class as c on c.oid = d.adrelid
    join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where c.relnamespace = ${oidOf(schema)} and c.relkind in ('r', 'p')
    order by c.relname, a.attnum`.execute(db)
  return rows
}

async function readChecks<DB>(db: Kysely<DB>, schema: string): Promise<readonly CatalogCheck[]> {
  const { rows } = await sql<CatalogCheck>`
    select c.relname::text as "table", ${columnNames('k.conrelid', 'k.conkey')} as columns,
      pg_get_expr(k.conbin, k.conrelid, true) as expression
    from pg_constraint as k join pg_class as c on c.oid = k.conrelid
    where c.relnamespace = ${oidOf(schema)} and k.contype = 'c' and not c.relispartition
    order by c.relname, k.conname`.execute(db)
  return rows
}

async function readForeignKeys<DB>(db: Kysely<DB>, schema: string): Promise<readonly CatalogForeignKey[]> {
  const { rows } = await sql<CatalogForeignKey>`
    select c.relname::text as "table", ${columnNames('k.conrelid', 'k.conkey')} as columns,
      case when target.relnamespace = c.relnamespace then target.relname::text else target.oid::regclass::text end as target,
      ${columnNames('k.confrelid', 'k.confkey')} as "targetColumns",
      substring(pg_get_constraintdef(k.oid, true) from 'REFERENCES [^(]+\\([^)]+\\) ?(.*)$') as action
    from pg_constraint as k
    join pg_class as c on c.oid = k.conrelid
    join pg_class as target on target.oid = k.confrelid
    where c.relnamespace = ${oidOf(schema)} and k.contype = 'f' and k.conparentid = 0
    order by c.relname, k.conname`.execute(db)
  return rows
}

async function readIndexes<DB>(db: Kysely<DB>, schema: string): Promise<readonly CatalogIndex[]> {
  const { rows } = await sql<CatalogIndex>`
    select c.relname::text as "table", i.indisprimary as "isPrimary", i.indisunique as "isUnique",
      ${columnNames('i.indrelid', 'i.indkey', 'i.indnkeyatts')} as columns, i.indpred is null and i.indexprs is null as "isPlain",
      substring(pg_get_indexdef(i.indexrelid, 0, true) from ' USING (.*)$') as definition
    from pg_index as i
    join pg_class as c on c.oid = i.indrelid
    join pg_class as named on named.oid = i.indexrelid
    where c.relnamespace = ${oidOf(schema)} and c.relkind in ('r', 'p') and not c.relispartition
    order by c.relname, i.indisprimary desc, i.indisunique desc, named.relname`.execute(db)
  return rows
}

async function readPartitionings<DB>(
  db: Kysely<DB>,
  schema: string,
): Promise<readonly CatalogPartitioning[]> {
  const { rows } = await sql<CatalogPartitioning>`
    select c.relname::text as "table", pg_get_partkeydef(c.oid) as key,
      (select count(*)::int from pg_inherits where inhparent = c.oid) as count
    from pg_class as c
    where c.relnamespace = ${oidOf(schema)} and c.relkind = 'p' and not c.relispartition
    order by c.relname`.execute(db)
  return rows
}

function oidOf(schema: string): RawBuilder<unknown> {
  return sql`(select oid from pg_namespace where nspname = ${schema})`
}

/** The names of the columns with these numbers, in the order of the numbers; those of an expression (0) are none. */
function columnNames(relation: string, numbers: string, most = 'null'): RawBuilder<unknown> {
  return sql.raw(`array(select a.attname::text from unnest(${numbers}::int2[]) with ordinality as key (attnum, place)
      join pg_attribute as a on a.attrelid = ${relation} and a.attnum = key.attnum
      where key.place <= coalesce(${most}, key.place) order by key.place)`)
}
