/** What Citus asks of a table before it distributes it, read from the live catalogue as plain data. */
import { type Kysely, sql } from 'kysely'

/** A table that is no partition, with what bears on where its rows can be. */
export interface CitusTable {
  /** With its schema: `ibex_core.memories`. */
  readonly name: string
  readonly columns: readonly CitusColumn[]
  /** Primary key, unique constraints and indexes, partial ones too, and exclusion constraints. */
  readonly uniques: readonly CitusUnique[]
  readonly keys: readonly CitusKey[]
  readonly policies: readonly { readonly name: string; readonly hasSubquery: boolean }[]
  readonly triggers: readonly string[]
  /** 0 without partitions, 2 where a partition has partitions itself. */
  readonly levels: number
}

/** A column. */
export interface CitusColumn {
  readonly name: string
  readonly type: string
  readonly isGenerated: boolean
  /** The type of the sequence behind a serial or identity column. */
  readonly sequence: string | null
}

/** What must be unique. */
export interface CitusUnique {
  readonly name: string
  /** The columns that are compared for equality; expressions are left out. */
  readonly columns: readonly string[]
}

/** A foreign key; actions as in `pg_constraint`: `a` none, `c` cascade, `n` set null, `d` set default, `r` restrict. */
export interface CitusKey {
  readonly name: string
  readonly columns: readonly string[]
  readonly target: string
  readonly targetColumns: readonly string[]
  readonly onDelete: string
  readonly onUpdate: string
}

/** Reads the tables of a schema, by name. */
export async function readCitusTables<DB>(db: Kysely<DB>, schema: string): Promise<readonly CitusTable[]> {
  const { rows } = await sql<CitusTable>`
    select relnamespace::regnamespace || '.' || relname as name, (${columns}) as columns, (${uniques}) as uniques,
      (${keys}) as keys, (${policies}) as policies,
      array(select tgname::text from pg_trigger where tgrelid = own.oid and not tgisinternal order by 1) as triggers,
      coalesce((select max(level) from pg_partition_tree(own.oid)), 0) as levels
    from pg_class as own
    where relnamespace = ${schema}::regnamespace and relkind in ('r', 'p') and not relispartition
    order by relname`.execute(db)
  return rows
}

const columns = sql`
  select coalesce(jsonb_agg(jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
    'isGenerated', attgenerated <> '', 'sequence', (
      select format_type(seqtypid, null) from pg_depend join pg_sequence on seqrelid = objid
      where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjid = attrelid
        and refobjsubid = attnum and deptype in ('a', 'i'))) order by attnum), '[]')
  from pg_attribute where attrelid = own.oid and attnum > 0 and not attisdropped`

// a unique index compares for equality, an exclusion constraint with the operators that it names
const uniques = sql`
  select coalesce(jsonb_agg(jsonb_build_object('name', index.relname, 'columns', array(
    select attname::text from unnest(indkey::int2[]) with ordinality as part (attnum, place) join pg_attribute using (attnum)
    where attrelid = own.oid and place <= indnkeyatts
      and (conexclop is null or (select oprname from pg_operator where oid = conexclop[place]) = '=')))
    order by index.relname), '[]')
  from pg_index join pg_class as index on index.oid = indexrelid
    left join pg_constraint on conindid = indexrelid and contype = 'x'
  where indrelid = own.oid and (indisunique or indisexclusion)`

const keys = sql`
  select coalesce(jsonb_agg(jsonb_build_object('name', conname,
    'target', (select relnamespace::regnamespace || '.' || relname from pg_class where oid = confrelid),
    'columns', (${names(sql`conkey`, sql`conrelid`)}), 'targetColumns', (${names(sql`confkey`, sql`confrelid`)}),
    'onDelete', confdeltype, 'onUpdate', confupdtype) order by conname), '[]')
  from pg_constraint where conrelid = own.oid and contype = 'f' and conparentid = 0`

// the expression as it is stored: a sub-select is a SUBLINK, however it is written
const policies = sql`
  select coalesce(jsonb_agg(jsonb_build_object('name', polname,
    'hasSubquery', concat(polqual, polwithcheck) like '%{SUBLINK %') order by polname), '[]')
  from pg_policy where polrelid = own.oid`

function names(numbers: ReturnType<typeof sql>, table: ReturnType<typeof sql>): ReturnType<typeof sql> {
  return sql`
    select jsonb_agg(attname order by place) from unnest(${numbers}) with ordinality as part (attnum, place)
      join pg_attribute using (attnum) where attrelid = ${table}`
}
