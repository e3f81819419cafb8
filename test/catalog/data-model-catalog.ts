/** The tables as the live catalogue has them, as plain data. */
import { type Kysely, sql } from 'kysely'

/** One table of `ibex_core`. */
export interface CatalogTable {
  readonly name: string
  /** Row-level security is on, for the owner too. */
  readonly isForced: boolean
  readonly comment: string | null
  /** As `partition by` has it. */
  readonly partitioning: string | null
  readonly partitions: number
  readonly policies: readonly string[]
  /** What a tenant's role may do with some column at least. */
  readonly appRights: readonly string[]
  readonly columns: Readonly<Record<string, CatalogColumn>>
  /** The columns of each unique index, the primary key's too, with its condition. */
  readonly keys: readonly string[]
  /** Method and columns of each index, with its condition. */
  readonly indexes: readonly string[]
  /** As `pg_get_constraintdef` prints them. */
  readonly references: readonly string[]
  readonly checks: readonly CatalogCheck[]
  /** The functions that triggers run, each with what for: `touch_updated_at on update`. */
  readonly triggers: readonly string[]
}

/** One column. */
export interface CatalogColumn {
  readonly type: string
  readonly isRequired: boolean
  readonly default: string | null
}

/** A CHECK constraint. */
export interface CatalogCheck {
  readonly columns: readonly string[]
  readonly condition: string
}

/** Reads all tables but partitions. */
export async function readCatalog<DB>(db: Kysely<DB>): Promise<ReadonlyMap<string, CatalogTable>> {
  const { rows } = await sql<CatalogTable>`
    select relname::text as name, relrowsecurity and relforcerowsecurity as "isForced",
      obj_description(pg_class.oid, 'pg_class') as comment, pg_get_partkeydef(pg_class.oid) as partitioning,
      (select count(*)::int from pg_inherits where inhparent = pg_class.oid) as partitions,
      array(select polname::text from pg_policy where polrelid = pg_class.oid) as policies,
      array(select privilege from unnest(array['select', 'insert', 'update', 'delete']) as privilege
        where case privilege when 'delete' then has_table_privilege('ibex_app', pg_class.oid, privilege)
          else has_any_column_privilege('ibex_app', pg_class.oid, privilege) end) as "appRights",
      (${columns}) as columns, array(${indexes(sql`indisunique`, sql`''`)}) as keys,
      array(${indexes(sql`true`, sql`amname || ' '`)}) as indexes,
      array(select pg_get_constraintdef(oid) from pg_constraint
        where conrelid = pg_class.oid and contype = 'f' and convalidated and conparentid = 0) as references,
      (${checks}) as checks,
      array(${triggers}) as triggers
    from pg_class where relnamespace = 'ibex_core'::regnamespace and relkind in ('r', 'p') and not relispartition`.execute(
    db,
  )
  return new Map(rows.map((table) => [table.name, table]))
}

const columns = sql`
  select jsonb_object_agg(attname, jsonb_build_object('type', format_type(atttypid, atttypmod), 'isRequired', attnotnull,
    'default', case attgenerated when '' then pg_get_expr(adbin, adrelid) end))
  from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where attrelid = pg_class.oid and attnum > 0 and not attisdropped`

const checks = sql`
  select coalesce(jsonb_agg(jsonb_build_object('condition', pg_get_expr(conbin, conrelid), 'columns',
    array(select attname from pg_attribute where attrelid = conrelid and attnum = any (conkey)))), '[]')
  from pg_constraint where conrelid = pg_class.oid and contype = 'c' and convalidated`

// the bits of tgtype, as the manual has them of pg_trigger's include file
const triggers = sql`
  select proname || ' on ' || event from pg_trigger join pg_proc on pg_proc.oid = tgfoid,
    (values (4, 'insert'), (8, 'delete'), (16, 'update'), (32, 'truncate')) as possible (bit, event)
  where tgrelid = pg_class.oid and not tgisinternal and tgenabled <> 'D' and tgtype & bit > 0`

function indexes(condition: ReturnType<typeof sql>, prefix: ReturnType<typeof sql>): ReturnType<typeof sql> {
  // the direction is left out: an index is read in both
  return sql`
    select ${prefix} || (
      select string_agg(pg_get_indexdef(indexrelid, place::int, true)
        || case when opcdefault then '' else ' ' || opcname end, ', ' order by place)
      from unnest(indclass::oid[]) with ordinality as class (oid, place) join pg_opclass on pg_opclass.oid = class.oid
    ) || case when indnullsnotdistinct then ' nulls not distinct' else '' end
      || coalesce(' where ' || pg_get_expr(indpred, indrelid), '')
    from pg_index join pg_class as own on own.oid = indexrelid join pg_am on pg_am.oid = own.relam
    where indrelid = pg_class.oid and indisvalid and ${condition}`
}
