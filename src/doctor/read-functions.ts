/** The functions that have to do with isolation. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { CatalogFunction } from './catalog.ts'
import { examinedSchemas, isOfExtension } from './examined-schemas.ts'
import type { ResolvedDoctorOptions } from './options.ts'

/** Reads the functions that are SECURITY DEFINER, that a policy calls, or that read the tenant's setting. */
export async function readFunctions<DB>(
  db: Kysely<DB>,
  options: ResolvedDoctorOptions,
): Promise<readonly CatalogFunction[]> {
  const { rows } = await sql<CatalogFunction>`
    with called as (
      select distinct refobjid as oid from pg_depend where classid = 'pg_policy'::regclass and refclassid = 'pg_proc'::regclass
    ),
    body as (
      select p.oid, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as source,
        p.pronamespace in ${examinedSchemas(options)} and not ${isOfExtension('pg_proc', 'p.oid')} as examined
      from pg_proc as p where p.prokind in ('f', 'p') and p.pronamespace <> 'pg_catalog'::regnamespace
    )
    select p.oid::text as id, n.nspname || '.' || p.proname as name, format('%I.%I', n.nspname, p.proname) as call,
      p.oid::regprocedure::text as sql, quote_ident(n.nspname) as "schemaSql", pg_get_userbyid(p.proowner)::text as owner, body.examined as "isExamined",
      p.prosecdef as "isDefiner",
      (select substr(option, length('search_path=') + 1) from unnest(p.proconfig) as option where option like 'search\_path=%')
        as "searchPath",
      p.prosqlbody is not null as "isBound", p.provolatile = 'i' as "isImmutable",
      p.prorettype = 'trigger'::regtype as "isTrigger", p.pronargs > 0 as "hasArguments",
      format_type(p.prorettype, null) as returns, body.source,
      array(select distinct t.tgrelid::text from pg_trigger as t where t.tgfoid = p.oid and not t.tgisinternal
        and t.tgenabled <> 'D') as "triggerOn"
    from pg_proc as p
    join body on body.oid = p.oid
    join pg_namespace as n on n.oid = p.pronamespace
    where p.oid in (select oid from called)
      or body.examined and (p.prosecdef or strpos(body.source, ${options.setting}) > 0)
    order by n.nspname, p.proname, p.oid::regprocedure::text`.execute(db)
  return rows
}
