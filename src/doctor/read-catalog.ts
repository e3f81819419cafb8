/** Reads the catalog: one snapshot, a dozen queries, however many tables there are. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { InvalidArgumentError, UnreadableCatalogError } from '../errors.ts'
import type { Catalog, DatabaseFacts, ServerFacts } from './catalog.ts'
import type { ResolvedDoctorOptions } from './options.ts'
import { readColumns, readPolicies, readRelations, readSchemas } from './read-relations.ts'
import { readConstraints, readIndexes } from './read-keys.ts'
import { readFunctions } from './read-functions.ts'
import { readDefaultGrants, readGrants, readRoles } from './read-rights.ts'
import { readPublications, readSettings } from './read-surroundings.ts'

/**
 * Reads all that the rules need inside the transaction that it is handed.
 *
 * The transaction should be `repeatable read`, so that the parts fit together. Names are printed with an empty search
 * path: what is printed means the same to everybody.
 *
 * @throws {UnreadableCatalogError} when the login may not read a part of the catalog, or the server is too old.
 * @throws {InvalidArgumentError} when a schema that was asked for does not exist.
 */
export async function readCatalog<DB>(trx: Kysely<DB>, options: ResolvedDoctorOptions): Promise<Catalog> {
  const db = trx.withoutPlugins()
  await sql`select set_config('search_path', '', true)`.execute(db)
  const { server, database } = await readFacts(db)
  const schemas = await part('schemas', readSchemas(db, options))
  const missing = options.schemas?.filter((name) => !schemas.some((schema) => schema.name === name)) ?? []
  if (missing.length > 0) throw new InvalidArgumentError('schemas', 'names a schema that does not exist')
  // one after the other: they share a connection
  return {
    server,
    database,
    schemas,
    roles: await part('roles', readRoles(db)),
    relations: await part('relations', readRelations(db, options)),
    columns: await part('columns', readColumns(db, options)),
    policies: await part('policies', readPolicies(db, options)),
    constraints: await part('constraints', readConstraints(db, options)),
    indexes: await part('indexes', readIndexes(db, options)),
    functions: await part('functions', readFunctions(db, options)),
    settings: await part('default settings', readSettings(db)),
    publications: await part('publications', readPublications(db)),
    grants: await part('rights', readGrants(db, options)),
    defaultGrants: await part('default rights', readDefaultGrants(db, options)),
  }
}

interface Facts {
  readonly version: number
  readonly vector: string | null
  readonly sql: string
  readonly owner: string
}

async function readFacts<DB>(
  db: Kysely<DB>,
): Promise<{ readonly server: ServerFacts; readonly database: DatabaseFacts }> {
  const { rows } = await part(
    'databases',
    sql<Facts>`
      select current_setting('server_version_num')::int as version,
        (select extversion from pg_extension where extname = 'vector') as vector,
        quote_ident(datname) as sql, pg_get_userbyid(datdba)::text as owner
      from pg_database where datname = current_database()`.execute(db),
  )
  const [facts] = rows
  if (facts === undefined)
    throw new UnreadableCatalogError('the database of this connection is not in the catalog')
  const { version, vector, sql: name, owner } = facts
  checkServerVersion(version)
  return { server: { version, vector }, database: { sql: name, owner } }
}

/**
 * Refuses servers whose catalog lacks what the queries ask for.
 *
 * @throws {UnreadableCatalogError} below PostgreSQL 15.
 */
export function checkServerVersion(version: number): void {
  if (version >= 150_000) return
  throw new UnreadableCatalogError(
    'the server is older than PostgreSQL 15: its catalog lacks what the rules ask for',
  )
}

/** A hardened server may keep parts of its catalog from some logins; a report without them would look healthy. */
async function part<T>(name: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (!isRefusal(error)) throw error
    // the server says in its message only which table it is
    const table = /\bpg_\w+/u.exec(error.message)?.[0] ?? 'pg_catalog'
    throw new UnreadableCatalogError(
      `this login may not read the ${name} in the catalog (${table}): let an administrator grant it, or use another login`,
      { cause: error },
    )
  }
}

function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  return ('code' in error && error.code === '42501') || ('sqlState' in error && error.sqlState === '42501')
}
