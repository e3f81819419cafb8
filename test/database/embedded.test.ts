import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { expect, onTestFinished, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { ConnectionPool } from '../../src/database/connection-pool.ts'
import { resolveOptions } from '../../src/database/options.ts'
import { failure } from '../support/two-tenants.ts'

test('keeps what was written to its directory after it was closed', { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ibex-embedded-'))
  onTestFinished(async () => {
    await rm(directory, { recursive: true, force: true })
  })
  const run = async (text: string): Promise<readonly unknown[]> => {
    const pool = new ConnectionPool(resolveOptions({ embedded: join(directory, 'data') }))
    const client = await pool.connect()
    const { rows } = await client.query<object>(text)
    client.release()
    await pool.end()
    return rows
  }
  await run('create table kept as select 7 as n')
  expect(await run('select n from kept')).toEqual([{ n: 7 }])
})

test('does not close an engine that was handed in, and shares it', async () => {
  const engine = await PGlite.create()
  onTestFinished(async () => {
    await engine.close()
  })
  const id = '8f14e45f-ceea-467f-a8cf-0d6f3c2b1a90'
  for (let round = 0; round < 2; round++) {
    const database = createDatabase({ embedded: engine })
    expect(database.kind).toBe('embedded')
    const error = await failure(async () => await database.forTenant(id).agents.find())
    expect(error).toHaveProperty('code', 'missing_migrations')
    await database.close()
    expect(engine.closed).toBe(false)
  }
  const { rows } = await engine.query('select 1 as n')
  expect(rows).toEqual([{ n: 1 }])
})
