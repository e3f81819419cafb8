/** Schemas, tables and what looks like one, their columns and policies. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { CatalogColumn, CatalogPolicy, CatalogRelation, CatalogSchema } from './catalog.ts'
import { examinedSchemas, isOfExtension } from './examined-schemas.ts'
import type { ResolvedDoctorOptions } from './options.ts'

/** Reads the schemas to examine. */
export async function readSchemas<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogSchema[]> {
  const { rows } = await sql<CatalogSchema>`
    select oid::text as id, nspname::text as name, quote_ident(nspname) as sql, pg_get_userbyid(nspowner)::text as owner
    from pg_namespace where oid in ${examinedSchemas(options)} order by nspname`.execute(db)
  return rows
}

/** Reads tables, partitions, views, materialized views, foreign tables and sequences. */
export async function readRelations<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogRelation[]> {
  const { rows } = await sql<CatalogRelation>`
    with parent as (select inhrelid, inhparent from pg_inherits),
    reading as (
      select w.ev_class, array_agg(distinct d.refobjid::text) as relations
      from pg_rewrite as w
      join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
      where d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
      group by w.ev_class
    ),
    defaulting as (
      select distinct refobjid from pg_depend where classid = 'pg_attrdef'::regclass and refclassid = 'pg_class'::regclass
    )
    select c.oid::text as id, n.nspname::text as schema, c.relname::text as name, c.oid::regclass::text as sql,
      case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
        when 'S' then 'sequence' else 'table' end as kind,
      pg_get_userbyid(c.relowner)::text as owner, c.relrowsecurity as "hasRls", c.relforcerowsecurity as "isForced",
      case when c.relispartition then parent.inhparent::text end as "partitionOf",
      exists (select from unnest(c.reloptions) as option where option ~* '^security_invoker=(true|on|yes|1)$') as "isInvoker",
      coalesce(reading.relations, '{}') as reads,
      c.relkind = 'S' and defaulting.refobjid is not null as "isDefault"
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    left join parent on parent.inhrelid = c.oid and c.relispartition
    left join reading on reading.ev_class = c.oid
    left join defaulting on defaulting.refobjid = c.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relnamespace in ${examinedSchemas(options)}
      and not ${isOfExtension('pg_class', 'c.oid')}
    order by n.nspname, c.relname`.execute(db)
  return rows
}

/** Reads the columns of tables and foreign tables; partitions have those of their parents. */
export async function readColumns<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogColumn[]> {
  const { rows } = await sql<CatalogColumn>`
    with recursive required as (
      select oid from pg_type where typtype = 'd' and typnotnull
      union
      select t.oid from pg_type as t join required on t.typbasetype = required.oid where t.typtype = 'd'
    ),
    counted as (
      select f.adrelid, f.adnum from pg_attrdef as f
      join pg_depend as d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
      join pg_class as s on s.oid = d.refobjid and s.relkind = 'S'
    )
    select a.attrelid::text as relation, a.attname::text as name, quote_ident(a.attname) as sql,
      format_type(a.atttypid, a.atttypmod) as type,
      not a.attnotnull and a.atttypid not in (select oid from required) as "isNullable",
      a.attgenerated <> '' as "isGenerated",
      a.attidentity <> '' or (a.attrelid, a.attnum) in (select adrelid, adnum from counted) as "isCounted"
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    where c.relkind in ('r', 'p', 'f') and not c.relispartition and a.attnum > 0 and not a.attisdropped
      and c.relnamespace in ${examinedSchemas(options)}
    order by a.attrelid, a.attnum`.execute(db)
  return rows
}

/** Reads the policies with the functions that they call. */
export async function readPolicies<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogPolicy[]> {
  const { rows } = await sql<CatalogPolicy>`
    select p.polrelid::text as relation, p.polname::text as name, quote_ident(p.polname) as sql,
      p.polpermissive as "isPermissive",
      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all' end as command,
      array(select case when member = 0 then 'public' else pg_get_userbyid(member)::text end
        from unnest(p.polroles) as member order by 1) as roles,
      pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check,
      array(select distinct d.refobjid::text from pg_depend as d
        where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass) as functions
    from pg_policy as p join pg_class as c on c.oid = p.polrelid
    where c.relnamespace in ${examinedSchemas(options)}
    order by c.relnamespace::regnamespace::text, c.relname, p.polname`.execute(db)
  return rows
}
