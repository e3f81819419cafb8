/** What `pg_catalog` knows of columns and tables, and kysely-codegen does not ask. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** A column as the catalog has it; arrays and domains are resolved to the type underneath. */
export interface CatalogColumn {
  readonly schema: string
  readonly table: string
  readonly name: string
  /** As format_type() prints it: `vector(384)`, `text[]`, `timestamp with time zone`. */
  readonly type: string
  /** The name in pg_type of the type itself, or of an array's element: `vector`, `text`. */
  readonly baseType: string
  /** The modifier of the type underneath, -1 without one; of a vector it is the number of dimensions. */
  readonly modifier: number
  readonly isArray: boolean
  /** The labels of an enum in their own order. */
  readonly labels: readonly string[] | null
  /** Generated columns and identity columns `always`: PostgreSQL refuses every value (SQLSTATE 428C9). */
  readonly isGenerated: boolean
  /** A default of the column, of its domain, or an identity. */
  readonly hasDefault: boolean
  /** Also false where only the domain says `not null`. */
  readonly isNullable: boolean
  /** The validated CHECK expressions that look at this column alone, those of its domain included. */
  readonly checks: readonly string[]
}

/** A table as the catalog has it. */
export interface CatalogTable {
  readonly schema: string
  readonly name: string
  readonly comment: string | null
  readonly isPartition: boolean
  /** The key's columns in the key's order; empty without a primary key. */
  readonly primaryKey: readonly string[]
  /** The USING expressions of the row-level security policies. */
  readonly policies: readonly string[]
}

/**
 * Reads every column outside PostgreSQL's own schemas, in the order of declaration.
 *
 * A CHECK that is NOT VALID or NOT ENFORCED is left out: rows may break it.
 */
export async function readColumns<DB>(db: Kysely<DB>): Promise<readonly CatalogColumn[]> {
  const { rows } = await sql<CatalogColumn>`
    with recursive domain as (
      select oid, typbasetype as base, typtypmod as modifier, typnotnull as required, typdefault is not null as filled,
        array[oid] as chain
      from pg_type where typtype = 'd'
      union all
      select d.oid, t.typbasetype, t.typtypmod, d.required or t.typnotnull, d.filled or t.typdefault is not null,
        d.chain || t.oid
      from domain as d join pg_type as t on t.oid = d.base where t.typtype = 'd'
    )
    select n.nspname::text as schema, c.relname::text as "table", a.attname::text as name,
      format_type(a.atttypid, a.atttypmod) as type,
      coalesce(element.typname, root.typname)::text as "baseType",
      coalesce(d.modifier, a.atttypmod) as modifier,
      element.oid is not null as "isArray",
      (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum as e
        where e.enumtypid = coalesce(element.oid, root.oid)) as labels,
      a.attgenerated <> '' or a.attidentity = 'a' as "isGenerated",
      a.atthasdef or a.attidentity <> '' or coalesce(d.filled, false) as "hasDefault",
      not (a.attnotnull or coalesce(d.required, false)) as "isNullable",
      array(select pg_get_expr(k.conbin, k.conrelid) from pg_constraint as k
        where k.contype = 'c' and k.convalidated
          and (k.conrelid = c.oid and k.conkey = array[a.attnum] or k.contypid = any (d.chain))
        order by k.conname) as checks
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    join pg_namespace as n on n.oid = c.relnamespace
    left join domain as d on d.oid = a.atttypid and d.base not in (select oid from pg_type where typtype = 'd')
    join pg_type as root on root.oid = coalesce(d.base, a.atttypid)
    left join pg_type as element on element.typarray = root.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and a.attnum > 0 and not a.attisdropped
    order by n.nspname, c.relname, a.attnum`.execute(db.withoutPlugins())
  return rows
}

/** Reads every table and view outside PostgreSQL's own schemas. */
export async function readTables<DB>(db: Kysely<DB>): Promise<readonly CatalogTable[]> {
  const { rows } = await sql<CatalogTable>`
    select n.nspname::text as schema, c.relname::text as name, obj_description(c.oid, 'pg_class') as comment,
      c.relispartition as "isPartition",
      array(select a.attname::text from pg_constraint as k
        cross join unnest(k.conkey) with ordinality as key (attnum, place)
        join pg_attribute as a on a.attrelid = c.oid and a.attnum = key.attnum
        where k.conrelid = c.oid and k.contype = 'p' order by key.place) as "primaryKey",
      array(select pg_get_expr(p.polqual, p.polrelid) from pg_policy as p
        where p.polrelid = c.oid and p.polqual is not null order by p.polname) as policies
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by n.nspname, c.relname`.execute(db.withoutPlugins())
  return rows
}
