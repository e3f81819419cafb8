import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { DatabaseClosedError } from '../../src/errors.ts'
import { failure } from '../support/two-tenants.ts'
import { setup, type TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

const id = '8f14e45f-ceea-467f-a8cf-0d6f3c2b1a90'
let server: TestDatabase

beforeAll(async () => {
  server = await setup()
})

afterAll(async () => {
  await server.close()
})

test('closes once, however often and whenever it is asked', async () => {
  const database = createDatabase({ ...server.target })
  await database.forTenant(id).agents.find()
  await Promise.all([database.close(), database.close()])
  await database.close()
  await expect(database[Symbol.asyncDispose]()).resolves.toBeUndefined()
})

test('closes a database that was never used', async () => {
  const database = createDatabase({ url: 'postgresql://nobody@127.0.0.1:1/nothing' })
  await expect(database.close()).resolves.toBeUndefined()
})

test('throws DatabaseClosedError at whoever comes after', async () => {
  const database = createDatabase({ ...server.target })
  const tenant = database.forTenant(id)
  await tenant.agents.find()
  await database.close()
  for (const use of [
    async () => await tenant.agents.find(),
    async () => await tenant.transaction(async (trx) => await trx.agents.find()),
    async () => await database.verifyIsolation(),
    async () => await database.asSystem('a test', async ({ db }) => await sql`select 1`.execute(db)),
  ]) {
    expect(await failure(use)).toBeInstanceOf(DatabaseClosedError)
  }
})

test('is closed by await using', async () => {
  let tenant
  {
    await using database = createDatabase({ ...server.target })
    tenant = database.forTenant(id)
    await tenant.agents.find()
  }
  expect(await failure(async () => await tenant.agents.find())).toBeInstanceOf(DatabaseClosedError)
})

test('waits for the transaction that is running', async () => {
  const database = createDatabase({ ...server.target })
  const ends: string[] = []
  const running = database.forTenant(id).transaction(async (trx) => {
    for (let count = 0; count < 5; count++) await trx.agents.find()
    ends.push('transaction')
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  await database.close().then(() => ends.push('close'))
  await running
  expect(ends).toEqual(['transaction', 'close'])
})

test('outlives the destroy of a Kysely of a scope', async () => {
  await using database = createDatabase({ ...server.target })
  const tenant = database.forTenant(id)
  await tenant.agents.find()
  await tenant.db.destroy()
  expect(await database.forTenant(id).agents.find()).toEqual([])
})

describe('a process', skipOnEmbedded('its database lives in this process'), () => {
  test('ends by itself after close, with a pool that was used', async () => {
    const url = 'url' in server.target ? server.target.url : ''
    const script = `
      import { createDatabase } from ${JSON.stringify(new URL('../../src/create-database.ts', import.meta.url).href)}
      const database = createDatabase({ url: process.env.TEST_URL, idleTimeout: 0 })
      const tenant = database.forTenant('${id}')
      await Promise.all([1, 2, 3].map(async () => await tenant.agents.find()))
      await tenant.transaction(async (trx) => await trx.agents.find()).catch(() => {})
      if (process.env.TEST_CLOSE === '1') await database.close()
      console.log('done')`
    const closed = await run(script, { TEST_URL: url, TEST_CLOSE: '1' }, 20_000)
    expect(closed).toEqual({ code: 0, output: 'done' })
    // without close the connections keep the process alive, so the test above can fail
    expect(await run(script, { TEST_URL: url }, 2_000)).toEqual({ code: null, output: 'done' })
  })
})

/** Runs a script in a process of its own; one that has not ended `patience` milliseconds after its output is killed: code null. */
async function run(
  script: string,
  env: Readonly<Record<string, string>>,
  patience: number,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    setTimeout(() => child.kill('SIGKILL'), patience).unref()
  })
  const [code] = await once(child, 'close')
  return { code, output: output.trim() }
}
