/** The bundle of most tests: two tenants of one database, and the owner's view of both. */
import { type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type CreateDatabaseOptions, type Database, createDatabase } from '../../src/create-database.ts'
import type { QueryEvent } from '../../src/database/options.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'
import { patience } from './admin.ts'
import { insertOrganization } from './factories.ts'
import { type TestDatabase, setup } from './setup.ts'

/** Two tenants, `mine` and `theirs`. */
export interface TwoTenants<D extends DB = DB> {
  readonly test: TestDatabase
  readonly database: Database<D>
  /** Sees the rows of both, held by no policy. */
  readonly admin: Kysely<D>
  readonly mine: TenantScope<D>
  readonly theirs: TenantScope<D>
  /** The SQL that the library has sent, oldest first. */
  readonly statements: readonly string[]
  close(): Promise<void>
}

/** Clones the template and opens a database with two organizations. */
export async function openTwoTenants<D extends DB = DB>(
  options: Omit<CreateDatabaseOptions, 'url' | 'embedded'> = {},
): Promise<TwoTenants<D>> {
  const test = await setup()
  const statements: string[] = []
  const onQuery = (event: QueryEvent): void => {
    statements.push(event.sql)
    options.onQuery?.(event)
  }
  const database = createDatabase<D>({ connectTimeout: patience, ...options, onQuery, ...test.target })
  const [mine, theirs] = [
    await insertOrganization(test.admin, { name: 'Mine' }),
    await insertOrganization(test.admin, { name: 'Theirs' }),
  ]
  return {
    test,
    database,
    // the same database; a test's own tables are in it as soon as the test has created them
    admin: test.admin as unknown as Kysely<D>,
    mine: database.forTenant(mine.id),
    theirs: database.forTenant(theirs.id),
    statements,
    close: async () => {
      await database.close()
      await test.close()
    },
  }
}

/** All rows of a tenant's table as the owner sees them: what "theirs is unchanged" compares. */
export async function ownersView<D>(admin: Kysely<D>, table: string, orgId: string): Promise<unknown[]> {
  const { rows } = await sql<{ row: unknown }>`select to_jsonb(t) as row from ${sql.table(table)} t
    where org_id = ${orgId} order by to_jsonb(t)::text`.execute(admin)
  return rows.map(({ row }) => row)
}

/**
 * Remembers what the other tenant's tables hold, and returns a check that they still hold the same: the third part of
 * every write's assertion.
 */
export async function watchTheirs<D extends DB>(
  { admin, theirs }: Pick<TwoTenants<D>, 'admin' | 'theirs'>,
  ...names: readonly string[]
): Promise<() => Promise<void>> {
  const view = async (): Promise<unknown> => {
    const rows: Record<string, unknown[]> = {}
    for (const name of names) rows[name] = await ownersView(admin, name, theirs.orgId)
    return rows
  }
  for (const name of names) expect(await ownersView(admin, name, theirs.orgId)).not.toEqual([])
  const before = await view()
  return async () => {
    expect(await view()).toEqual(before)
  }
}

/** What a caller can tell of an error: all but its cause and its stack. */
export function shown(error: Error | undefined): Record<string, unknown> {
  const fields = Object.entries(error ?? {}).filter(([name]) => name !== 'cause')
  return { message: error?.message, ...Object.fromEntries(fields) }
}

/** Runs what must fail before the first byte goes to the server, and returns its error. */
export async function refusal(
  { statements }: Pick<TwoTenants, 'statements'>,
  run: () => Promise<unknown>,
): Promise<Error> {
  const before = statements.length
  const error = await failure(run)
  expect(statements.slice(before)).toEqual([])
  return error
}

/** Runs what must fail, and returns its error. */
export async function failure(run: () => Promise<unknown>): Promise<Error> {
  let result: unknown
  try {
    result = await run()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error(`nothing was thrown; the result was ${typeof result}`)
}
