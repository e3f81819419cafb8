/** Roles, and what the app roles may do. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { CatalogDefaultGrant, CatalogGrant, CatalogRole } from './catalog.ts'
import { examinedSchemas } from './examined-schemas.ts'
import type { ResolvedDoctorOptions } from './options.ts'

/** Reads every role of the cluster. */
export async function readRoles<DB>(db: Kysely<DB>): Promise<readonly CatalogRole[]> {
  const { rows } = await sql<CatalogRole>`
    select r.rolname::text as name, quote_ident(r.rolname) as sql, r.rolsuper as "isSuperuser",
      r.rolbypassrls as "bypassesRls", r.rolcanlogin as "canLogin", r.rolcreaterole as "canCreateRoles",
      r.rolcreatedb as "canCreateDatabases", r.rolreplication as "canReplicate",
      array(select g.rolname::text from pg_auth_members as m join pg_roles as g on g.oid = m.roleid
        where m.member = r.oid and ${isEffective} order by 1) as "memberOf"
    from pg_roles as r order by r.rolname`.execute(db)
  return rows
}

/** Reads the rights of the app roles, through others and PUBLIC too, but not what an owner has by owning. */
export async function readGrants<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogGrant[]> {
  const { rows } = await sql<CatalogGrant>`
    with recursive ${reach(options)},
    entry as (
      select 'relation' as "on", c.oid, null::text as "column", c.relowner as owner, acl.grantee, acl.privilege_type
      from pg_class as c, aclexplode(c.relacl) as acl
      where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relnamespace in ${examinedSchemas(options)}
      union all
      select 'column', c.oid, a.attname::text, c.relowner, acl.grantee, acl.privilege_type
      from pg_class as c join pg_attribute as a on a.attrelid = c.oid, aclexplode(a.attacl) as acl
      where c.relnamespace in ${examinedSchemas(options)} and not a.attisdropped
      union all
      select 'schema', n.oid, null, n.nspowner, acl.grantee, acl.privilege_type
      from pg_namespace as n, aclexplode(n.nspacl) as acl where n.oid in ${examinedSchemas(options)}
      union all
      select 'database', d.oid, null, d.datdba, acl.grantee, acl.privilege_type
      from pg_database as d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as acl where d.datname = current_database()
      union all
      select 'function', p.oid, null, p.proowner, acl.grantee, acl.privilege_type
      from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl
      where p.prosecdef and p.pronamespace in ${examinedSchemas(options)}
    )
    select distinct "on", oid::text as id, "column", quote_ident("column") as "columnSql", privilege_type as privilege, ${granteeNames('entry')}
    from entry where grantee <> owner and (grantee = 0 or grantee in (select oid from reach))
    order by "on", id, "column", grantee, privilege`.execute(db)
  return rows
}

/** Reads what `alter default privileges` gives the app roles on tables made later. */
export async function readDefaultGrants<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogDefaultGrant[]> {
  const { rows } = await sql<CatalogDefaultGrant>`
    with recursive ${reach(options)}
    select distinct quote_ident(pg_get_userbyid(d.defaclrole)) as creator, quote_ident(n.nspname) as schema,
      acl.privilege_type as privilege, ${granteeNames('acl')}
    from pg_default_acl as d
    left join pg_namespace as n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) as acl
    where d.defaclobjtype = 'r' and acl.grantee <> d.defaclrole and (acl.grantee = 0 or acl.grantee in (select oid from reach))
      and (d.defaclnamespace = 0 or d.defaclnamespace in ${examinedSchemas(options)})
    order by 1, 2 nulls first, 3`.execute(db)
  return rows
}

/** The app roles and every role that one of them may act as. */
function reach({ roles }: ResolvedDoctorOptions): RawBuilder<unknown> {
  return sql`reach as (
    select oid from pg_roles where rolname = any (${roles}::text[])
    union
    select m.roleid from pg_auth_members as m join reach on m.member = reach.oid where ${isEffective}
  )`
}

/** Since PostgreSQL 16 a membership may give neither the rights nor the role: only the right to give it on. */
const isEffective: RawBuilder<unknown> = sql`(coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
  or coalesce((to_jsonb(m) ->> 'set_option')::boolean, true))`

function granteeNames(entry: string): RawBuilder<unknown> {
  return sql.raw(`case when ${entry}.grantee = 0 then 'public' else pg_get_userbyid(${entry}.grantee)::text end as grantee,
    case when ${entry}.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(${entry}.grantee)) end as sql`)
}
