/** Functions that run with the rights of a role of ours, which must own them for that. */
import { quoteText } from '../database/quote.ts'
import { InsufficientPrivilegeError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import type { TableName } from './names.ts'
import { quoteIdentifier } from './names.ts'

/** Gives a function to a role; its owner-to-be needs the right to create in the schema, for this moment only. */
export async function handOver(
  db: MigrationHandle,
  { sql: fn, schema }: TableName,
  role: string,
): Promise<void> {
  await run(db, `grant create on schema ${quoteIdentifier(schema)} to ${role}`)
  await run(db, `alter function ${fn} owner to ${role}`)
  await run(db, `revoke create on schema ${quoteIdentifier(schema)} from ${role}`)
}

/** Runs statements as the role that was given a function: only its owner can alter it. In a transaction. */
export async function runAs(db: MigrationHandle, role: string, callback: () => Promise<void>): Promise<void> {
  const [login] = await read<{ readonly name: string }>(db, 'select quote_ident(current_user) as name')
  await run(db, `set local role ${role}`)
  await callback()
  // not `reset role`, which would forget a role that was set before
  if (login !== undefined) await run(db, `set local role ${login.name}`)
}

interface Handover {
  /** Makes this login a member of the role. Since PostgreSQL 16 without inheriting its rights. */
  readonly grant: string
  readonly isMember: boolean
  /** Only the owner of the schema can drop what it has given away. */
  readonly ownsSchema: boolean
}

/**
 * Checks that this login may give a function to a role.
 *
 * @throws {InsufficientPrivilegeError} when it may not; says what an administrator must run.
 */
export async function requireHandover(
  db: MigrationHandle,
  { sql: fn, schema }: TableName,
  role: string,
): Promise<void> {
  const [handover] = await read<Handover>(
    db,
    `select format('grant ${role} to %I', current_user)
        || case when version >= 160000 then ' with inherit false, set true' else '' end as grant,
      pg_has_role(${quoteText(role)}, case when version >= 160000 then 'SET' else 'MEMBER' end) as "isMember",
      pg_has_role(nspowner, 'USAGE') as "ownsSchema"
    from (select current_setting('server_version_num')::int as version) as server, pg_catalog.pg_namespace
    where nspname = ${quoteText(schema)}`,
  )
  if (handover?.isMember === true && handover.ownsSchema) return
  const way =
    handover?.isMember === false
      ? `let an administrator run: ${handover.grant};`
      : `run the migration as the owner of the schema ${schema}`
  throw new InsufficientPrivilegeError(`this login may not give the function ${fn} to ${role}: ${way}`, {
    sqlState: '42501',
  })
}
