/** `npx kysely migrate …`, which goes through the same runner by kysely.config.ts. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serverUrl } from '../support/server-url.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

const root = join(import.meta.dirname, '../..')
let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
})

afterAll(async () => {
  await database.close()
})

test(
  'notes checksums, refuses what was edited since, and takes the direct url',
  { ...skipOnEmbedded('the command takes the url of a server'), timeout: 120_000 },
  async () => {
    expect(await kysely('up')).toContain('Ran 1 migration')
    const { rows } =
      await sql`select name, left(checksum, 3) as kind from ibex_core.kysely_migration`.execute(
        database.admin,
      )
    expect(rows).toEqual([{ name: '20261122_0001_create_roles', kind: 'ts:' }])

    await sql`update ibex_core.kysely_migration set checksum = 'ts:other'`.execute(database.admin)
    await expect(kysely('up')).rejects.toThrow(/edited after it had run: 20261122_0001_create_roles/)
  },
)

async function kysely(action: string): Promise<string> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATABASE_URL: 'postgresql://127.0.0.1:1/x',
    DATABASE_DIRECT_URL: serverUrl(database),
  }
  // it says nothing in a test otherwise
  env['CONSOLA_LEVEL'] = '3'
  const command = join(root, 'node_modules/.bin/kysely')
  try {
    const { stdout, stderr } = await promisify(execFile)(command, ['migrate', action], { cwd: root, env })
    return `${stdout}${stderr}`
  } catch (error) {
    // the program says on its output what went wrong
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error
    throw new Error(`${String(error.stdout)}${String(error.stderr)}`, { cause: error })
  }
}
