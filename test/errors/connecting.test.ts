/** What a server answers to a login that it refuses. */
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import {
  AuthenticationError,
  ConnectionFailedError,
  ServerUnavailableError,
  UndefinedObjectError,
} from '../../src/errors.ts'
import { type SkipOptions, skipOnEmbedded } from '../support/skip.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { failure } from '../support/two-tenants.ts'

const orgId = '11111111-1111-4111-8111-111111111111'
const secret = 'canary7f3'

function skipWithoutPassword(): SkipOptions {
  return inject('access').backend === 'testcontainers'
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: 'only the container is sure to ask for a password' } }
}

describe('a server', skipOnEmbedded('nothing is connected to'), () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await setup()
  })

  afterAll(async () => {
    await database.close()
  })

  /** The error of the first statement over the test's URL with something changed. */
  async function refusalOf(change: (url: URL) => void): Promise<Error> {
    if (!('url' in database.target)) throw new Error('the backend has no url')
    const url = new URL(database.target.url)
    change(url)
    const refused = createDatabase({ url: url.href, connectTimeout: 2_000 })
    onTestFinished(async () => {
      await refused.close()
    })
    const error = await failure(async () => await refused.forTenant(orgId).agents.find())
    const text = inspect(error, { showHidden: true, depth: Infinity })
    for (const value of [secret, orgId]) expect(text).not.toContain(value)
    return error
  }

  test('28P01: refuses a wrong password', skipWithoutPassword(), async () => {
    const error = await refusalOf((url) => {
      url.password = secret
    })
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error).toMatchObject({ code: 'invalid_authorization', sqlState: '28P01', isRetryable: false })
  })

  test('28000, 28P01: refuses a user that does not exist', async () => {
    const error = await refusalOf((url) => {
      url.username = 'nobody_of_this_name'
    })
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error).toMatchObject({ sqlState: expect.stringMatching(/^28(000|P01)$/), isRetryable: false })
  })

  test('3D000: has no database of this name', async () => {
    const error = await refusalOf((url) => {
      url.pathname = 'none_of_this_name'
    })
    expect(error).toBeInstanceOf(UndefinedObjectError)
    expect(error).toMatchObject({ sqlState: '3D000', isRetryable: false })
  })

  test('53300: has no connection left for the login', async () => {
    const role = `ibex_test_${randomBytes(6).toString('hex')}`
    await sql`create role ${sql.id(role)} login connection limit 0 password ${sql.lit(secret)}`.execute(
      database.admin,
    )
    onTestFinished(async () => {
      await sql`drop role ${sql.id(role)}`.execute(database.admin)
    })
    const error = await refusalOf((url) => {
      url.username = role
      url.password = secret
    })
    expect(error).toBeInstanceOf(ServerUnavailableError)
    expect(error).toMatchObject({ code: 'server_unavailable', sqlState: '53300', isRetryable: true })
  })

  test('does not speak TLS where the url asks for it', async () => {
    const error = await refusalOf((url) => {
      url.searchParams.set('sslmode', 'require')
    })
    expect(error).toBeInstanceOf(ConnectionFailedError)
    expect(error.message).toContain('does not speak TLS: take sslmode out of the url')
  })

  test('does not answer', async () => {
    const error = await refusalOf((url) => {
      url.hostname = '127.0.0.1'
      url.port = '1'
    })
    expect(error).toBeInstanceOf(ConnectionFailedError)
    expect(error).toMatchObject({ code: 'connection_failed', isRetryable: true })
    expect(error.message).toContain('ECONNREFUSED')
  })
})
