/** The check that a service runs at its start: would the database really keep tenants apart for this login? */
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { IsolationError, MissingMigrationsError } from '../errors.ts'

/** What `verifyIsolation` found to be in order. */
export interface IsolationReport {
  /** The role that a tenant's statements run as. */
  readonly role: string
  /** Tenant tables that the role can reach, every one with row-level security in force. */
  readonly tables: number
  /** What does not break isolation and should be mended: one sentence each. */
  readonly warnings: readonly string[]
}

interface Facts {
  readonly role: string
  readonly is_superuser: boolean
  readonly bypasses: boolean
  readonly login_is_superuser: boolean
  readonly login_inherits: boolean
  readonly has_function: boolean
  readonly tables: number
  readonly unprotected: readonly string[]
  readonly opened: readonly string[]
}

/**
 * Asks the catalog, in one round trip and as the role of a tenant's statements, whether isolation holds.
 *
 * @throws {MissingMigrationsError} when the role or the function that policies call does not exist.
 * @throws {IsolationError} when the role is not held by policies, a table with an `org_id` or a policy is not protected for
 *   it, or a policy that is plainly `true` lets it reach the rows of every tenant. Other conditions are not judged.
 */
export async function verifyIsolation<DB>(db: Kysely<DB>): Promise<IsolationReport> {
  const { rows } = await sql<Facts>`
    with tenant_tables as (
      select c.oid, format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where (exists (select from pg_catalog.pg_attribute where attrelid = c.oid and attname = 'org_id' and not attisdropped)
          or exists (select from pg_catalog.pg_policy where polrelid = c.oid))
        and c.relkind in ('r', 'p') and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'
        and (has_table_privilege(c.oid, 'select, insert, update, delete') or has_any_column_privilege(c.oid, 'select, insert, update'))
    )
    select current_user::text as role, me.rolsuper as is_superuser, me.rolbypassrls as bypasses,
      login.rolsuper as login_is_superuser, pg_has_role(session_user, current_user, 'usage') as login_inherits,
      to_regprocedure('ibex_core.current_org_id()') is not null as has_function,
      (select count(*)::int from tenant_tables) as tables,
      array(select name from tenant_tables where not row_security_active(oid) order by name) as unprotected,
      array(select distinct name from tenant_tables join pg_catalog.pg_policy on polrelid = tenant_tables.oid
        where polpermissive and 'true' in (pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
          and exists (select from unnest(polroles) as holder where holder = 0 or pg_has_role(me.oid, holder, 'usage'))
        order by name) as opened
    from pg_catalog.pg_roles me, pg_catalog.pg_roles login
    where me.rolname = current_user and login.rolname = session_user`.execute(db)
  const facts = rows[0]
  if (facts === undefined || !facts.has_function) {
    throw new MissingMigrationsError(
      'the database has no ibex_core schema: run the migrations first (migrationProvider of ibex-db/migrations)',
    )
  }
  const problems = findProblems(facts)
  if (problems.length > 0) throw new IsolationError(problems)
  return { role: facts.role, tables: facts.tables, warnings: findWarnings(facts) }
}

function findWarnings({ role, login_is_superuser, login_inherits }: Facts): readonly string[] {
  if (login_is_superuser) {
    return [
      'the login is a superuser: a statement outside a scope is held by no policy; use a login that is only a member of the role',
    ]
  }
  if (!login_inherits) return []
  return [
    `the login inherits the rights of "${role}": a statement outside a scope is not refused; alter the login to noinherit, or grant with inherit false`,
  ]
}

function findProblems({ role, is_superuser, bypasses, unprotected, opened }: Facts): readonly string[] {
  const problems: string[] = []
  if (is_superuser)
    problems.push(`role "${role}" is a superuser, whom no policy holds: alter role ${role} nosuperuser`)
  if (bypasses) problems.push(`role "${role}" bypasses row-level security: alter role ${role} nobypassrls`)
  if (is_superuser || bypasses) return problems
  for (const name of unprotected) {
    problems.push(
      `row-level security is not in force on ${name} for "${role}": alter table ${name} enable row level security; alter table ${name} force row level security`,
    )
  }
  for (const name of opened) {
    problems.push(
      `a policy on ${name} lets "${role}" reach rows of every tenant: drop it, or name another role in it`,
    )
  }
  return problems
}
