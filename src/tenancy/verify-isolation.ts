/** The check that a service runs at its start: would the database really keep tenants apart for this login? */
import { announcedProcess } from '../database/announced-process.ts'
import { mapDatabaseError } from '../database/map-error.ts'
import { IsolationError, MissingMigrationsError } from '../errors.ts'
import { assertOutsideTransaction } from './ambient-transaction.ts'
import { MessageBatch } from './message-batch.ts'
import type { BatchContext } from './message-batch.ts'
import { explainPrefix } from './server-refusals.ts'
import { settingsStatement } from './settings.ts'
import { tenantSetting } from './tenant-dialect.ts'
import { nobody } from './tenant-id.ts'
import type { TenantPool, WireClient } from './wire.ts'
import { WireSession, lastOf } from './wire-session.ts'

/** What `verifyIsolation` found to be in order. */
export interface IsolationReport {
  /** The role that a tenant's statements run as. */
  readonly role: string
  /** Tenant tables that the role can reach, every one with row-level security in force. */
  readonly tables: number
  /**
   * True when a pooler (PgBouncer, RDS Proxy) is between this login and the server. In transaction mode it keeps no session:
   * LISTEN and advisory locks of a session need the server's own URL.
   */
  readonly isPooled: boolean
  /** What does not break isolation and should be mended: one sentence each. */
  readonly warnings: readonly string[]
}

/** What is checked: who logs in, and as whom its statements run. */
export interface IsolationCheck {
  readonly pool: TenantPool
  readonly kind: 'server' | 'embedded'
  readonly role: string
  /** Whether statements are given names. */
  readonly prepare: boolean
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
  /** What the tenant's setting was after a transaction that had set it. */
  readonly left_behind: string
  readonly process: number
  readonly is_standby: boolean
}

/** Where the second transaction keeps what it found of the first. */
const leftBehind = 'app.left_behind'

/**
 * Asks the catalog, in one round trip and as the role of a tenant's statements, whether isolation holds.
 *
 * @throws {MissingMigrationsError} when the role or the function that policies call does not exist.
 * @throws {IsolationError} when the role is not held by policies, a table with an `org_id` or a policy is not protected for
 *   it, a policy that is plainly `true` lets it reach the rows of every tenant, or a tenant is set outside a transaction.
 *   Other conditions are not judged: the doctor does.
 */
export async function verifyIsolation(check: IsolationCheck): Promise<IsolationReport> {
  const { facts, announced } = await askServer(check)
  if (facts?.has_function !== true) {
    throw new MissingMigrationsError(
      'the database has no ibex_core schema: run the migrations first (migrationProvider of ibex-db/migrations)',
    )
  }
  const problems = findProblems(facts)
  if (problems.length > 0) throw new IsolationError(problems)
  const isPooled = check.kind === 'server' && announced !== facts.process
  const isStray = check.pool.primary !== undefined && !facts.is_standby
  const warnings = [
    ...findWarnings(facts),
    ...(isPooled && check.prepare ? [pooledWarning] : []),
    ...(isStray ? [strayWarning] : []),
  ]
  return { role: facts.role, tables: facts.tables, isPooled, warnings }
}

const pooledWarning =
  'the connection goes through a pooler, and statements are given names: in transaction mode it must know them (PgBouncer 1.21 with max_prepared_statements), else pass prepare: false'

const strayWarning =
  'the server is no standby: nothing makes it follow the primary, so reads may show other rows'

/**
 * Sends everything as one message batch: a transaction that sets the tenant and ends, and a second one that looks at what
 * is left of it, and at the catalog.
 */
async function askServer({
  pool,
  role,
}: IsolationCheck): Promise<{ readonly facts: Facts | undefined; readonly announced: unknown }> {
  assertOutsideTransaction(pool, nobody)
  const client = await pool.connect()
  // pg's client has these fields; its types leave them out
  const wire = client as WireClient
  const prefix = settingsStatement({ role, [tenantSetting]: nobody })
  const statements = [
    { text: 'begin', values: [] },
    prefix,
    { text: 'commit', values: [] },
    { text: remember, values: [] },
    prefix,
    { text: factsQuery, values: [] },
  ].filter((statement) => statement !== undefined)
  const context: BatchContext = {
    statements: undefined,
    role,
    parserOf: (oid) => wire.getTypeParser(oid, 'text'),
  }
  const session = new WireSession(wire, context, undefined)
  const batch = new MessageBatch(context, statements)
  try {
    const { rows } = lastOf(await session.submit(batch))
    // the columns are those of the statement
    return { facts: rows[0] as Facts | undefined, announced: announcedProcess(client) }
  } catch (error) {
    throw mapDatabaseError(batch.isInPrefix ? explainPrefix(error, role) : error)
  } finally {
    session.release()
  }
}

const remember = `select set_config('${leftBehind}', coalesce(current_setting('${tenantSetting}', true), ''), true)`

const factsQuery = `
    with tenant_tables as (
      select c.oid, format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where (exists (select from pg_catalog.pg_attribute where attrelid = c.oid and attname = 'org_id' and not attisdropped)
          or exists (select from pg_catalog.pg_policy where polrelid = c.oid))
        and c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
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
        order by name) as opened,
      current_setting('${leftBehind}') as left_behind, pg_backend_pid() as process, pg_is_in_recovery() as is_standby
    from pg_catalog.pg_roles me, pg_catalog.pg_roles login
    where me.rolname = current_user and login.rolname = session_user`

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

function findProblems({
  role,
  is_superuser,
  bypasses,
  unprotected,
  opened,
  left_behind,
}: Facts): readonly string[] {
  const problems: string[] = []
  if (is_superuser)
    problems.push(`role "${role}" is a superuser, whom no policy holds: alter role ${role} nosuperuser`)
  if (bypasses) problems.push(`role "${role}" bypasses row-level security: alter role ${role} nobypassrls`)
  if (left_behind !== '') problems.push(left_behind === nobody ? survives : setOutside)
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

const survives = `the setting ${tenantSetting} survives its transaction, so the next statement of the connection is that tenant's: whatever is between this login and the server must keep to transactions`

const setOutside = `the setting ${tenantSetting} has a value outside every transaction, so a statement without a scope is some tenant's: look for alter role … set, alter database … set, and for a session-level SET behind the same pooler`
