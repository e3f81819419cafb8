/** Extensions: created where missing, never dropped. */
import { quoteText } from '../database/quote.ts'
import { InsufficientPrivilegeError, MigrationError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run, sqlStateOf } from './handle.ts'
import { quoteIdentifier } from './names.ts'
import { grantSchemaUsage } from './schema.ts'

/**
 * Creates the extension unless the database has it, and opens its schema to the roles.
 *
 * There is no counterpart for `down`: other objects of the database may use the extension.
 *
 * @throws {MigrationError} when the server does not have the extension's files.
 * @throws {InsufficientPrivilegeError} when the login may not create it; the message is what an administrator must run.
 */
export async function createExtension(db: MigrationHandle, extension: string): Promise<void> {
  const statement = `create extension if not exists ${quoteIdentifier(extension)}`
  const isInstalled = (await readSchema(db, extension)) !== undefined
  if (!isInstalled) {
    await checkAvailable(db, extension)
    await create(db, statement)
  }
  const schema = await readSchema(db, extension)
  if (schema !== undefined) await grantSchemaUsage(db, schema)
}

async function readSchema(db: MigrationHandle, extension: string): Promise<string | undefined> {
  const [row] = await read<{ schema: string }>(
    db,
    `select extnamespace::regnamespace::text as schema from pg_catalog.pg_extension where extname = ${quoteText(extension)}`,
  )
  return row?.schema
}

async function checkAvailable(db: MigrationHandle, extension: string): Promise<void> {
  const available = await read(
    db,
    `select from pg_catalog.pg_available_extensions where name = ${quoteText(extension)}`,
  )
  if (available.length > 0) return
  throw new MigrationError(
    `extension "${extension}" is not on this server: let an administrator install it (vector: pgvector; btree_gin: the contrib modules of PostgreSQL), or use a server that has it`,
  )
}

async function create(db: MigrationHandle, statement: string): Promise<void> {
  try {
    await run(db, statement)
  } catch (cause) {
    if (sqlStateOf(cause) !== '42501') throw cause
    throw new InsufficientPrivilegeError(
      `this login may not create the extension: let an administrator run in this database: ${statement};`,
      { sqlState: '42501' },
      { cause },
    )
  }
}
