/** Schemas, and what the roles may do in them and in the database. */
import { quoteText } from '../database/quote.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import { quoteIdentifier } from './names.ts'
import { roleLiterals, roles } from './roles.ts'

/** Lets the roles name what is in the schema; what they may do with it is granted table by table. */
export async function grantSchemaUsage(db: MigrationHandle, schema: string): Promise<void> {
  const missing = await read<{ role: string }>(
    db,
    `select rolname::text as role from pg_catalog.pg_roles
    where rolname in (${roleLiterals}) and not has_schema_privilege(oid, ${quoteText(schema)}, 'usage')`,
  )
  if (missing.length === 0) return
  const grantees = missing.map(({ role }) => quoteIdentifier(role)).join(', ')
  await run(db, `grant usage on schema ${quoteIdentifier(schema)} to ${grantees}`)
}

/**
 * Creates the schema without any right for others, and opens it to the roles.
 *
 * It may exist: the table of the executed migrations lives in it.
 */
export async function createSchema(db: MigrationHandle, schema: string): Promise<void> {
  const name = quoteIdentifier(schema)
  await run(db, `create schema if not exists ${name}`)
  await run(db, `revoke all on schema ${name} from public, ${roles.join(', ')}`)
  await grantSchemaUsage(db, schema)
}

/** Closes the schema to the roles, and drops it unless the table of the executed migrations is in it. */
export async function dropSchema(db: MigrationHandle, schema: string): Promise<void> {
  const name = quoteIdentifier(schema)
  await run(db, `revoke all on schema ${name} from ${roles.join(', ')}`)
  await run(
    db,
    `do $$ begin
      if not exists (select from pg_catalog.pg_class where relnamespace = ${quoteText(schema)}::regnamespace) then
        drop schema ${name};
      end if;
    end $$`,
  )
}

/**
 * Takes the right to create temporary tables and schemas in this database from everybody but its owner.
 *
 * PostgreSQL gives it to PUBLIC, so to the app role too; there is no way to take it from one role alone. A temporary
 * table comes first in the search path and could stand in for a real one. Only the database's owner can do this: for
 * another login it is skipped.
 */
export async function revokeTemporary(db: MigrationHandle): Promise<void> {
  await changeDatabaseRights(db, 'revoke create, temporary on database %I from public')
}

/** Gives everybody the right to create temporary tables again, which is PostgreSQL's default. */
export async function grantTemporary(db: MigrationHandle): Promise<void> {
  await changeDatabaseRights(db, 'grant temporary on database %I to public')
}

async function changeDatabaseRights(db: MigrationHandle, statement: string): Promise<void> {
  await run(
    db,
    `do $$ begin
      if (select pg_has_role(datdba, 'usage') from pg_catalog.pg_database where datname = current_database()) then
        execute format(${quoteText(statement)}, current_database());
      end if;
    end $$`,
  )
}
