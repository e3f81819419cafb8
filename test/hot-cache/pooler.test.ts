import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CreateDatabaseOptions, createDatabase } from '../../src/create-database.ts'
import type { HotCacheError } from '../../src/errors.ts'
import { insertOrganization } from '../support/factories.ts'
import { serverUrl, urlForLogin, urlForPort } from '../support/server-url.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { skipOnEmbedded, skipWithoutPgBouncer } from '../support/skip.ts'
import {
  hotContents,
  insertHotAgent,
  insertHotMemory,
  rankings,
  until,
  untilCached,
  untilHot,
} from './hot-agent.ts'

const errors: HotCacheError[] = []
const contents = ['first', 'second', 'third']
let server: TestDatabase
let orgId: string
let agentId: string

beforeAll(async () => {
  server = await setup()
  orgId = (await insertOrganization(server.admin)).id
  agentId = await insertHotAgent(server.admin, orgId)
})

beforeEach(() => {
  errors.length = 0
})

afterAll(async () => {
  await server.close()
})

function onError(error: HotCacheError): void {
  errors.push(error)
}

/** A database whose statements are listed. */
function open(options: CreateDatabaseOptions): {
  readonly database: ReturnType<typeof createDatabase>
  readonly statements: readonly string[]
} {
  const statements: string[] = []
  const onQuery = ({ sql: text }: { readonly sql: string }): void => void statements.push(text)
  return { database: createDatabase({ ...options, onQuery }), statements }
}

describe('behind PgBouncer in transaction mode', skipWithoutPgBouncer(), () => {
  let bouncer: PgBouncer
  let pooled: string

  beforeAll(async () => {
    bouncer = await startPgBouncer(serverUrl(server), { poolSize: 3 })
    pooled = urlForPort(serverUrl(server), bouncer.port)
  })

  afterAll(async () => {
    await bouncer[Symbol.asyncDispose]()
  })

  test('without a direct url the cache is not used, and the hook is told why, once', async () => {
    const { database, statements } = open({ url: pooled, prepare: false, hotCache: { onError } })
    const tenant = database.forTenant(orgId)
    expect(await hotContents(tenant, agentId)).toEqual(contents)
    await until(() => errors.length > 0)
    for (let reads = 0; reads < 3; reads++) expect(await hotContents(tenant, agentId)).toEqual(contents)
    expect(rankings(statements)).toBe(4)
    await database.close()
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ operation: 'listen', isRetryable: false })
    expect(errors[0]?.message).toMatch(/pass a direct url as hotCache\.listenUrl/)
  })

  test('with a direct url it works', async () => {
    const hotCache = { onError, listenUrl: serverUrl(server) }
    const { database, statements } = open({ url: pooled, prepare: false, hotCache })
    const tenant = database.forTenant(orgId)
    await untilCached({ statements }, tenant, agentId)
    const id = await insertHotMemory(server.admin, {
      org_id: orgId,
      agent_id: agentId,
      content: 'new',
      confidence: 1,
    })
    await untilHot(tenant, agentId, ['new', ...contents])
    await server.admin.deleteFrom('ibex_core.memories').where('id', '=', id).execute()
    await untilHot(tenant, agentId, contents)
    await database.close()
    expect(errors).toEqual([])
  })
})

test('a login that has no rights of its own can listen', skipOnEmbedded('it has no logins'), async () => {
  const login = `ibex_test_${randomUUID().slice(0, 8)}`
  await sql`create role ${sql.ref(login)} login noinherit password 'a-password'`.execute(server.admin)
  await sql`grant ibex_app to ${sql.ref(login)}`.execute(server.admin)
  const url = urlForLogin(serverUrl(server), login, 'a-password')
  const { database, statements } = open({ url, hotCache: { onError } })
  try {
    const tenant = database.forTenant(orgId)
    await untilCached({ statements }, tenant, agentId)
    await insertHotMemory(server.admin, { org_id: orgId, agent_id: agentId, content: 'new', confidence: 1 })
    await untilHot(tenant, agentId, ['new', ...contents])
    expect(errors).toEqual([])
  } finally {
    await database.close()
    await sql`drop role ${sql.ref(login)}`.execute(server.admin)
  }
})
