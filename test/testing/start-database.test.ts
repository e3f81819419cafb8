import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { describe, expect, inject, test } from 'vitest'
import { InsufficientPrivilegeError, InvalidArgumentError } from '../../src/errors.ts'
import { startTestDatabase } from '../../src/testing/start-test-database.ts'
import type { StartOptions, TestDatabase } from '../../src/testing/test-database.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { failure } from '../support/two-tenants.ts'
import { withClient } from '../support/with-client.ts'

const access = inject('access')
const source: StartOptions = access.backend === 'embedded' ? { embedded: true } : { url: access.url }

const skipOnServer = {
  skip: access.backend !== 'embedded',
  meta: { skipReason: 'embedded databases are for the embedded backend' },
}

const migrations = {
  getMigrations: async () =>
    await Promise.resolve({
      '1_create_notes': {
        up: async (db: Kysely<unknown>) => {
          await sql`create table public.notes (body text primary key)`.execute(db)
        },
      },
    }),
}

async function notesOf({ admin }: TestDatabase): Promise<readonly unknown[]> {
  const { rows } = await sql<{ body: string }>`select body from public.notes order by body`.execute(admin)
  return rows.map(({ body }) => body)
}

async function insertNote({ admin }: TestDatabase, body: string): Promise<void> {
  await sql`insert into public.notes values (${body})`.execute(admin)
}

test('migrates, prepares, and gives copies of what was prepared', async () => {
  await using database = await startTestDatabase({
    ...source,
    migrations,
    prepare: async (admin) => {
      await sql`insert into public.notes values ('prepared')`.execute(admin)
    },
  })
  await insertNote(database, 'mine')
  await using copy = await database.clone()
  await using other = await startTestDatabase({
    snapshot: JSON.parse(JSON.stringify(await database.snapshot())) as never,
  })
  await insertNote(copy, 'copied')

  expect(await notesOf(database)).toEqual(['mine', 'prepared'])
  expect(await notesOf(copy)).toEqual(['copied', 'prepared'])
  expect(await notesOf(other)).toEqual(['prepared'])
})

describe('leaves nothing behind', () => {
  test('on a server', skipOnEmbedded('no server'), async () => {
    const database = await startTestDatabase({ ...source, migrations })
    const copy = await database.clone()
    const snapshot = await database.snapshot()
    const names = [nameOf(database), nameOf(copy), 'template' in snapshot ? snapshot.template : '']
    expect(await existing(names)).toHaveLength(3)

    await copy.close()
    await database.close()
    await database.close()
    expect(await existing(names)).toEqual([])
  })

  test('on a server when it cannot be prepared', skipOnEmbedded('no server'), async () => {
    const names: string[] = []
    const prepare = async (admin: Kysely<unknown>): Promise<void> => {
      const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(admin)
      names.push(...rows.map(({ name }) => name))
      throw new TypeError('cannot be prepared')
    }
    expect(await failure(async () => await startTestDatabase({ ...source, prepare }))).toBeInstanceOf(
      TypeError,
    )
    expect(names).toHaveLength(1)
    expect(await existing(names)).toEqual([])
  })

  test('of the file of an embedded snapshot', skipOnServer, async () => {
    const database = await startTestDatabase({ embedded: true })
    const snapshot = await database.snapshot()
    const file = 'archive' in snapshot ? snapshot.archive : ''
    expect(existsSync(file)).toBe(true)
    await database.close()
    expect(existsSync(file)).toBe(false)
  })
})

test('refuses a login that is no superuser', skipOnEmbedded('one login'), async () => {
  const login = `kit_login_${randomBytes(4).toString('hex')}`
  await using database = await startTestDatabase(source)
  await sql.raw(`create role ${login} login password 'x'`).execute(database.admin)
  try {
    const url = new URL('url' in database.target ? database.target.url : '')
    url.username = login
    url.password = 'x'
    expect(await failure(async () => await startTestDatabase({ url: url.href }))).toBeInstanceOf(
      InsufficientPrivilegeError,
    )
  } finally {
    await sql.raw(`drop role ${login}`).execute(database.admin)
  }
})

test.each([
  {},
  { url: undefined },
  { url: 'postgresql://localhost/x', embedded: true },
  { embedded: true, migrate: migrations },
  { snapshot: { backend: 'embedded', archive: 'x' }, migrations },
])('refuses options that do not say where: %o', async (options) => {
  // what a caller without types can hand in
  const start = async (): Promise<unknown> => await startTestDatabase(options as StartOptions)
  expect(await failure(start)).toBeInstanceOf(InvalidArgumentError)
})

test(
  'starts a container of its own',
  {
    skip: access.backend !== 'testcontainers',
    meta: { skipReason: 'containers are for the container backend' },
  },
  async () => {
    await using database = await startTestDatabase({ testcontainers: true, migrations })
    await insertNote(database, 'contained')
    expect(database.backend).toBe('testcontainers')
    expect(await notesOf(database)).toEqual(['contained'])
  },
)

function nameOf({ target }: TestDatabase): string {
  return 'url' in target ? new URL(target.url).pathname.slice(1) : ''
}

/** Those of these databases that the server has. */
async function existing(names: readonly string[]): Promise<readonly string[]> {
  if (access.backend === 'embedded') return []
  return await withClient(access.url, async (client) => {
    const found = await client.query<{ datname: string }>(
      'select datname::text from pg_database where datname = any ($1)',
      [names],
    )
    return found.rows.map(({ datname }) => datname)
  })
}
