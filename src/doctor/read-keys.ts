/** Constraints and indexes. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { CatalogConstraint, CatalogIndex } from './catalog.ts'
import { examinedSchemas } from './examined-schemas.ts'
import type { ResolvedDoctorOptions } from './options.ts'

/** Reads the constraints that a table declares itself, not those that a partition has from its parent. */
export async function readConstraints<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogConstraint[]> {
  // to_jsonb: `conenforced` came with PostgreSQL 18
  const { rows } = await sql<CatalogConstraint>`
    select k.conrelid::text as relation, k.conname::text as name, quote_ident(k.conname) as sql,
      case k.contype when 'p' then 'primary key' when 'u' then 'unique' when 'x' then 'exclusion' when 'f' then 'foreign key'
        when 'n' then 'not null' else 'check' end as kind,
      ${columnNames('k.conrelid', 'k.conkey')} as columns,
      nullif(k.confrelid, 0)::text as target, ${columnNames('k.confrelid', 'k.confkey')} as "targetColumns",
      case k.confdeltype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null'
        when 'd' then 'set default' end as "onDelete",
      ${columnNames('k.conrelid', 'k.confdelsetcols')} as emptied,
      k.convalidated as "isValidated", coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) as "isEnforced",
      exists (select from pg_depend as d where d.refclassid = 'pg_constraint'::regclass and d.refobjid = k.oid
        and d.classid = 'pg_rewrite'::regclass) as "isUsedByView",
      pg_get_constraintdef(k.oid) as definition
    from pg_constraint as k join pg_class as c on c.oid = k.conrelid
    where (k.contype in ('p', 'u', 'x', 'f', 'c') or k.contype = 'n' and not k.convalidated) and k.conparentid = 0 and k.conislocal
      and c.relnamespace in ${examinedSchemas(options)}
    order by c.relnamespace::regnamespace::text, c.relname, k.conname`.execute(db)
  return rows
}

/** Reads the indexes that a table declares itself, and which of their columns row-level security keeps unused. */
export async function readIndexes<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogIndex[]> {
  const { rows } = await sql<CatalogIndex>`
    with leaky_class as materialized (${leakyOperatorClasses})
    select i.indrelid::text as relation, x.relname::text as name, quote_ident(n.nspname) || '.' || quote_ident(x.relname) as sql,
      i.indisunique as "isUnique",
      exists (select from pg_constraint as k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) as "isOfConstraint",
      i.indisvalid and i.indisready as "isValid", x.relkind = 'I' as "isPartitioned",
      i.indpred is not null as "isPartial",
      array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality as key (number, place)
        left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = key.number and key.number > 0
        where key.place <= i.indnkeyatts order by key.place) as columns,
      array(select case when i.indkey[key.place - 1] = 0 then ${hasLeakyExpression} else key.class in (select oid from leaky_class) end
        from unnest(i.indclass::oid[]) with ordinality as key (class, place) order by key.place) as "isLeaky",
      substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I USING ',
        case when i.indisunique then 'UNIQUE ' else '' end, x.relname, case when x.relkind = 'I' then 'ONLY ' else '' end,
        n.nspname, c.relname))) as definition
    from pg_index as i
    join pg_class as x on x.oid = i.indexrelid
    join pg_class as c on c.oid = i.indrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm') and c.relnamespace in ${examinedSchemas(options)} and not x.relispartition
    order by n.nspname, c.relname, x.relname`.execute(db)
  return rows
}

/**
 * The operator classes whose search operators are all not leakproof. Row-level security lets only leakproof ones look at a
 * row before its policy does (manual, "Rules and Privileges"), so such an index finds nothing; it still sorts.
 */
const leakyOperatorClasses: RawBuilder<unknown> = sql`
  select class.oid from pg_opclass as class
  join pg_am as method on method.oid = class.opcmethod
  join pg_amop as entry on entry.amopfamily = class.opcfamily and entry.amoplefttype = class.opcintype
  join pg_operator as operator on operator.oid = entry.amopopr
  join pg_proc as code on code.oid = operator.oprcode
  where entry.amoppurpose = 'o' or method.amname not in ('btree', 'hash') or entry.amoprighttype = class.opcintype
  group by class.oid
  having not bool_or(entry.amoppurpose = 'o') and not bool_or(code.proleakproof)`

/** The stored tree of an expression names the functions that it calls, those of operators too. */
const hasLeakyExpression: RawBuilder<unknown> = sql`(i.indexprs::text ~ 'COERCEVIAIO' or exists (
  select from regexp_matches(i.indexprs::text, ':(?:op)?funcid (\\d+)', 'g') as called (ids)
  join pg_proc as p on p.oid = called.ids[1]::oid where not p.proleakproof))`

/** The names of the columns with these numbers, in the order of the numbers. */
function columnNames(relation: string, numbers: string): RawBuilder<unknown> {
  return sql.raw(`array(select a.attname::text from unnest(${numbers}) with ordinality as key (number, place)
      join pg_attribute as a on a.attrelid = ${relation} and a.attnum = key.number order by key.place)`)
}
