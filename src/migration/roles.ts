/** The roles of the policies and of functions. They belong to the whole cluster, not to one database. */
import { quoteText } from '../database/quote.ts'
import { InsufficientPrivilegeError, MigrationError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run, sqlStateOf } from './handle.ts'

/** The role of a tenant's statements: held by the policies, with exact grants. */
export const appRole = 'ibex_app'

/** The role of cross-tenant jobs, with a policy of its own. */
export const systemRole = 'ibex_system'

/** The role that owns the search functions and reads what they search, of all tenants; nobody logs in as it. */
export const searchRole = 'ibex_search'

/** The role that owns the functions of erasure: an app role that may also change what is append-only; nobody logs in as it. */
export const eraserRole = 'ibex_eraser'

/** The role of SQL that nobody has read; nobody logs in as it, and nobody but a function of its own acts as it. */
export const untrustedRole = 'ibex_untrusted'

/** The roles that tables and schemas are opened to. */
export const roles: readonly string[] = [appRole, systemRole, searchRole]

/** Their names as SQL literals, for `rolname in (…)`. */
export const roleLiterals: string = literals(roles)

/** The names of all roles that migrations create. */
export const allRoleLiterals: string = literals([...roles, eraserRole, untrustedRole])

/**
 * Creates the roles where they are missing, checks those that exist, and lets this login take them on.
 *
 * ```sql
 * create role ibex_app nologin nosuperuser nobypassrls
 * ```
 *
 * There is no counterpart for `down`: other databases of the cluster and logins hold on to the roles, and dropping one
 * silently takes it from every login that was granted it.
 *
 * @throws {InsufficientPrivilegeError} when the server refuses; the message is what an administrator must run.
 * @throws {MigrationError} when a role exists with rights that void row-level security.
 */
export async function createRoles(db: MigrationHandle): Promise<void> {
  await createMissing(db, roles)
}

/**
 * Creates the role that erases, and lets it do what a tenant may: it is held by the same policies.
 *
 * ```sql
 * create role ibex_eraser nologin nosuperuser nobypassrls;
 * grant ibex_app to ibex_eraser
 * ```
 *
 * @throws {InsufficientPrivilegeError} when the server refuses; the message is what an administrator must run.
 * @throws {MigrationError} when the role exists with rights that void row-level security.
 */
export async function createEraser(db: MigrationHandle): Promise<void> {
  const [server] = await read<{ grant: string }>(
    db,
    `select ${quoteText(`grant ${appRole} to ${eraserRole}`)}
      || case when current_setting('server_version_num')::int >= 160000 then ' with inherit true' else '' end as grant`,
  )
  const grant = server?.grant ?? ''
  await createMissing(db, [eraserRole], [grant])
  const [eraser] = await read<{ isMember: boolean }>(
    db,
    `select pg_has_role(${quoteText(eraserRole)}, ${quoteText(appRole)}, 'USAGE') as "isMember"`,
  )
  if (eraser?.isMember === true) return
  await runAsAdministrator(db, grant, {
    refused: `this login may not let ${eraserRole} do what ${appRole} may`,
    byAdministrator: [grant],
  })
}

/**
 * Creates the role of `tenant.untrusted(…)`, which may do nothing yet.
 *
 * @throws as {@link createRoles}.
 */
export async function createUntrustedRole(db: MigrationHandle): Promise<void> {
  await createMissing(db, [untrustedRole])
}

/** Creates those that are missing; `further` is what an administrator must run beside. */
async function createMissing(
  db: MigrationHandle,
  names: readonly string[],
  further: readonly string[] = [],
): Promise<void> {
  const existing = await readRoles(db, names)
  for (const role of existing) checkAttributes(role)
  const missing = names.filter((role) => !existing.some(({ name }) => name === role))
  // asked first: once a statement was refused, the transaction answers no question
  const login = await readLogin(db, names)
  for (const role of missing) {
    // another database of the cluster may be migrated at this moment
    const statement = `do $$ begin ${createStatement(role)}; exception when duplicate_object or unique_violation then null; end $$`
    await runAsAdministrator(db, statement, {
      refused: 'this login may not create roles',
      byAdministrator: [...missing.map(createStatement), ...further, login.grant],
    })
  }
  if (!login.isMember) await grantMembership(db, login.grant)
}

interface Role {
  readonly name: string
  readonly attributes: readonly string[]
}

async function readRoles(db: MigrationHandle, names: readonly string[]): Promise<readonly Role[]> {
  return await read<Role>(
    db,
    `select rolname::text as name, array_remove(array[
      case when rolcanlogin then 'login' end, case when rolsuper then 'superuser' end,
      case when rolbypassrls then 'bypassrls' end, case when rolcreaterole then 'createrole' end,
      case when rolcreatedb then 'createdb' end, case when rolreplication then 'replication' end], null) as attributes
    from pg_catalog.pg_roles where rolname in (${literals(names)})`,
  )
}

function checkAttributes({ name, attributes }: Role): void {
  if (attributes.length === 0) return
  const statement = `alter role ${name} ${attributes.map((attribute) => `no${attribute}`).join(' ')}`
  throw new MigrationError(
    `role ${name} exists with ${attributes.join(', ')}, so tenants would not be kept apart: let an administrator run: ${statement};`,
  )
}

function createStatement(role: string): string {
  return `create role ${role} nologin nosuperuser nobypassrls`
}

async function runAsAdministrator(
  db: MigrationHandle,
  statement: string,
  { refused, byAdministrator }: { readonly refused: string; readonly byAdministrator: readonly string[] },
): Promise<void> {
  try {
    await run(db, statement)
  } catch (cause) {
    if (sqlStateOf(cause) !== '42501') throw cause
    throw new InsufficientPrivilegeError(
      `${refused}: let an administrator run: ${byAdministrator.join('; ')};`,
      { sqlState: '42501' },
      { cause },
    )
  }
}

interface Login {
  /** Gives this login the roles. Since PostgreSQL 16 without inheriting them: unscoped statements keep no rights. */
  readonly grant: string
  readonly isMember: boolean
}

async function readLogin(db: MigrationHandle, names: readonly string[]): Promise<Login> {
  const [login] = await read<Login>(
    db,
    `select format('grant ${names.join(', ')} to %I', session_user)
        || case when version >= 160000 then ' with inherit false, set true' else '' end as grant,
      rolsuper or (select count(*) from pg_catalog.pg_roles as role where role.rolname in (${literals(names)})
        and pg_has_role(session_user, role.oid, case when version >= 160000 then 'SET' else 'MEMBER' end)) = ${names.length} as "isMember"
    from (select current_setting('server_version_num')::int as version) as server, pg_catalog.pg_roles where rolname = session_user`,
  )
  if (login === undefined) throw new MigrationError('the login of this connection does not exist any more')
  return login
}

async function grantMembership(db: MigrationHandle, statement: string): Promise<void> {
  // a refusal is no error here: what needs the membership, as a search function does, says so itself
  await run(db, `do $$ begin ${statement}; exception when insufficient_privilege then null; end $$`)
}

function literals(names: readonly string[]): string {
  return names.map(quoteText).join(', ')
}
