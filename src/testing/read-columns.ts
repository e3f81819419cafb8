/** What the doctor does not ask of columns and functions: how a value of them looks, and what the role may do. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { examinedSchemas, isOfExtension } from '../doctor/examined-schemas.ts'
import type { ResolvedTestingOptions } from './options.ts'

/** A column as rows are made for it. */
export interface ColumnFacts {
  readonly relation: string
  readonly name: string
  /** As format_type() prints it, with its modifier: `character varying(20)`. */
  readonly type: string
  /** Below all domains: the name in pg_type, `_text` for an array. */
  readonly base: string
  readonly baseKind: 'base' | 'enum' | 'composite' | 'range' | 'multirange'
  /** The type modifier below all domains, -1 for none. */
  readonly modifier: number
  /** The base type of the elements of an array. */
  readonly element: string | null
  readonly elementModifier: number
  readonly labels: readonly string[]
  /** The number of fields of a composite type. */
  readonly fields: number
  readonly isNullable: boolean
  readonly default: string | null
  readonly identity: '' | 'a' | 'd'
  /** The expression of a generated column. */
  readonly generated: string | null
  /** The conditions of its domains. */
  readonly domainChecks: readonly string[]
  readonly domains: readonly string[]
  readonly maySelect: boolean
  readonly mayInsert: boolean
  readonly mayUpdate: boolean
}

/** True for a column whose values come from a sequence: serial or identity. */
export function isCounted({ identity, default: value }: ColumnFacts): boolean {
  return identity !== '' || value?.startsWith('nextval(') === true
}

/** Reads the columns of tables, views and partitions in the examined schemas. */
export async function readColumnFacts(
  db: Kysely<unknown>,
  { doctor, role }: ResolvedTestingOptions,
): Promise<readonly ColumnFacts[]> {
  const { rows } = await sql<ColumnFacts>`
    with recursive chain as (
      select oid as top, oid, typbasetype, typtypmod, typtype, array[]::oid[] as domains from pg_type where typtype = 'd'
      union all
      select chain.top, t.oid, t.typbasetype, case when chain.typtypmod = -1 then t.typtypmod else chain.typtypmod end,
        t.typtype, chain.domains || chain.oid
      from chain join pg_type as t on t.oid = chain.typbasetype where chain.typtype = 'd'
    ),
    below as (
      select top, oid, typtypmod, domains from chain where typtype <> 'd'
    )
    select a.attrelid::text as relation, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type,
      t.typname::text as base,
      case t.typtype when 'e' then 'enum' when 'c' then 'composite' when 'r' then 'range' when 'm' then 'multirange' else 'base' end
        as "baseKind",
      coalesce(nullif(a.atttypmod, -1), below.typtypmod, -1) as modifier,
      (select coalesce(eb.typname, e.typname)::text from pg_type as e left join below as ebelow on ebelow.top = e.oid
        left join pg_type as eb on eb.oid = ebelow.oid where e.oid = t.typelem and t.typcategory = 'A') as element,
      coalesce(nullif(a.atttypmod, -1), -1) as "elementModifier",
      array(select enumlabel::text from pg_enum where enumtypid in (t.oid, nullif(t.typelem, 0)) order by enumsortorder) as labels,
      (select count(*)::int from pg_attribute as f where f.attrelid = nullif(t.typrelid, 0) and f.attnum > 0 and not f.attisdropped)
        as fields,
      not a.attnotnull and not exists (select from unnest(a.atttypid || below.domains) as d (oid)
        join pg_type as domain on domain.oid = d.oid where domain.typnotnull) as "isNullable",
      case when a.attgenerated = '' then pg_get_expr(f.adbin, f.adrelid) end as default, a.attidentity as identity,
      case when a.attgenerated <> '' then pg_get_expr(f.adbin, f.adrelid) end as generated,
      array(select pg_get_constraintdef(k.oid) from pg_constraint as k where k.contypid = any (below.domains)) as "domainChecks",
      array(select d.oid::regtype::text from unnest(below.domains) as d (oid)) as domains,
      has_column_privilege(${role}, a.attrelid, a.attnum, 'select') as "maySelect",
      has_column_privilege(${role}, a.attrelid, a.attnum, 'insert') as "mayInsert",
      has_column_privilege(${role}, a.attrelid, a.attnum, 'update') as "mayUpdate"
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    left join below on below.top = a.atttypid
    join pg_type as t on t.oid = coalesce(below.oid, a.atttypid)
    left join pg_attrdef as f on f.adrelid = a.attrelid and f.adnum = a.attnum
    where c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
      and c.relnamespace in ${examinedSchemas(doctor)}
    order by a.attrelid, a.attnum`.execute(db)
  return rows
}

/** What the role may do with a relation, beyond its columns. */
export interface RelationFacts {
  readonly id: string
  readonly mayDelete: boolean
  readonly isPartitioned: boolean
  /** Bounds of the partitions of a table, as PostgreSQL prints them. */
  readonly bounds: readonly string[]
  readonly partitionKey: readonly string[]
  /** Bits as pg_relation_is_updatable() has them: 8 = insert, 4 = update, 16 = delete. */
  readonly updatable: number
}

/** Reads them for every relation of the examined schemas. */
export async function readRelationFacts(
  db: Kysely<unknown>,
  { doctor, role }: ResolvedTestingOptions,
): Promise<ReadonlyMap<string, RelationFacts>> {
  const { rows } = await sql<RelationFacts>`
    select c.oid::text as id, has_table_privilege(${role}, c.oid, 'delete') as "mayDelete", c.relkind = 'p' as "isPartitioned",
      array(select pg_get_expr(p.relpartbound, p.oid) from pg_inherits as i join pg_class as p on p.oid = i.inhrelid
        where i.inhparent = c.oid and p.relispartition) as bounds,
      array(select a.attname::text from pg_partitioned_table as pt, unnest(pt.partattrs::int2[]) as number
        join pg_attribute as a on a.attrelid = c.oid and a.attnum = number where pt.partrelid = c.oid) as "partitionKey",
      pg_relation_is_updatable(c.oid, false) as updatable
    from pg_class as c where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace in ${examinedSchemas(doctor)}`.execute(
    db,
  )
  return new Map(rows.map((row) => [row.id, row]))
}

/**
 * The schemas asked for, with those that their foreign keys refer to at any distance: rows there are needed, though nothing
 * is proven of them. Undefined for all.
 */
export async function readReferredSchemas(
  db: Kysely<unknown>,
  { doctor }: ResolvedTestingOptions,
): Promise<readonly string[] | undefined> {
  if (doctor.schemas === undefined) return undefined
  const { rows } = await sql<{ name: string }>`
    with recursive referred as (
      select oid from pg_namespace where nspname = any (${doctor.schemas}::text[])
      union
      select target.relnamespace from referred
      join pg_class as source on source.relnamespace = referred.oid
      join pg_constraint as k on k.conrelid = source.oid and k.contype = 'f'
      join pg_class as target on target.oid = k.confrelid
    )
    select n.nspname::text as name from referred join pg_namespace as n using (oid)`.execute(db)
  // those asked for stay in, so that one that does not exist is an error of the doctor's options
  return [...new Set([...doctor.schemas, ...rows.map(({ name }) => name)])]
}

/** A function that the role may call. */
export interface CallableFunction {
  readonly id: string
  readonly schema: string
  /** With its argument types, as the doctor names it. */
  readonly sql: string
  readonly name: string
  /** With its schema, quoted, without arguments. */
  readonly call: string
  readonly isProcedure: boolean
  readonly isDefiner: boolean
  readonly isVariadic: boolean
  readonly source: string
  readonly arguments: readonly FunctionArgument[]
}

/** One argument. */
export interface FunctionArgument {
  readonly name: string
  readonly type: string
  readonly base: string
  readonly element: string | null
  readonly labels: readonly string[]
  readonly isPseudo: boolean
}

/** Reads the functions of the examined schemas that the role may call, but triggers and aggregates. */
export async function readFunctions(
  db: Kysely<unknown>,
  { doctor, role }: ResolvedTestingOptions,
): Promise<readonly CallableFunction[]> {
  const { rows } = await sql<CallableFunction>`
    select p.oid::text as id, n.nspname::text as schema, p.oid::regprocedure::text as sql, n.nspname || '.' || p.proname as name,
      format('%I.%I', n.nspname, p.proname) as call, p.prokind = 'p' as "isProcedure", p.prosecdef as "isDefiner",
      p.provariadic <> 0 as "isVariadic", coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as source,
      coalesce((select jsonb_agg(jsonb_build_object('name', coalesce(p.proargnames[arg.place], ''), 'type', format_type(arg.type, null),
          'base', t.typname, 'element', (select e.typname from pg_type as e where e.oid = t.typelem and t.typcategory = 'A'),
          'labels', array(select enumlabel::text from pg_enum where enumtypid in (t.oid, nullif(t.typelem, 0)) order by enumsortorder),
          'isPseudo', t.typtype = 'p') order by arg.place)
        from unnest(p.proargtypes::oid[]) with ordinality as arg (type, place) join pg_type as t on t.oid = arg.type), '[]')
        as arguments
    from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
    where p.prokind in ('f', 'p') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
      and n.oid in ${examinedSchemas(doctor)} and not ${isOfExtension('pg_proc', 'p.oid')}
      and has_function_privilege(${role}, p.oid, 'execute') and has_schema_privilege(${role}, n.oid, 'usage')
    order by 2`.execute(db)
  return rows
}
