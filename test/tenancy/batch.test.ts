import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { QueryEvent } from '../../src/database/options.ts'
import {
  BatchFailedError,
  DataExceptionError,
  InvalidArgumentError,
  OuterScopeError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import type { TenantBatch, TenantScope } from '../../src/tenant-scope.ts'
import { insertAgent, insertOrganization } from '../support/factories.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipBehindPooler, skipOnEmbedded } from '../support/skip.ts'
import { failure, openTwoTenants, refusal, type TwoTenants } from '../support/two-tenants.ts'
import { type FlightCounter, countFlights } from './flight-counter.ts'

let bundle: TwoTenants
let events: QueryEvent[] = []

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1, onQuery: (event) => void events.push(event) })
  for (const { orgId } of [bundle.mine, bundle.theirs]) await insertAgent(bundle.admin, { org_id: orgId })
})

beforeEach(() => {
  events = []
})

afterAll(async () => {
  await bundle.close()
})

/** The slugs of this tenant's agents that begin like this. */
async function slugs(start: string): Promise<readonly string[]> {
  const rows = await bundle.mine.agents.find()
  return rows.map(({ slug }) => slug).filter((slug) => slug.startsWith(start))
}

test('resolves with what each promise does, in their order', async () => {
  const [agent, one, many, count] = await bundle.mine.batch((batch) => [
    batch.agents.insert({ name: 'New', slug: 'ordered' }),
    sql<{ n: number }>`select 1 as n`.execute(batch.db),
    batch.agents.find({ where: { slug: 'ordered' } }),
    batch.agents.count({ slug: 'ordered' }),
  ])
  expect(agent).toMatchObject({ slug: 'ordered', org_id: bundle.mine.orgId })
  expect(one.rows).toEqual([{ n: 1 }])
  // a statement sees what those before it have written
  expect(many).toEqual([agent])
  expect(count).toBe(1)
  expect(await slugs('ordered')).toEqual(['ordered'])
})

const tenantsOf = async ({ db }: TenantBatch) =>
  await sql<{ org_id: string }>`select distinct org_id from ibex_core.agents`.execute(db)

test('holds the tenant for every statement of it', async () => {
  const answers = await bundle.mine.batch((batch) => [tenantsOf(batch), tenantsOf(batch), tenantsOf(batch)])
  for (const { rows } of answers) expect(rows).toEqual([{ org_id: bundle.mine.orgId }])
})

test('tells what values and promises of other kinds are', async () => {
  expect(await bundle.mine.batch(() => [])).toEqual([])
  expect(await bundle.mine.batch(() => [1, Promise.resolve('two')])).toEqual([1, 'two'])
  expect(events).toEqual([])
})

test('tells the hook of each statement', async () => {
  await bundle.mine.batch((batch) => [batch.agents.count(), batch.sessions.count()])
  expect(events.map(({ rowCount, role }) => ({ rowCount, role }))).toEqual([
    { rowCount: 1, role: 'ibex_app' },
    { rowCount: 1, role: 'ibex_app' },
  ])
  expect(events[0]?.sql).toContain('agents')
  expect(events[1]?.sql).toContain('sessions')
})

test('undoes all of it when a statement fails, whichever it is', async () => {
  await bundle.mine.agents.insert({ name: 'Taken', slug: 'taken' })
  for (const order of [
    ['taken', 'undone-1', 'undone-2'],
    ['undone-1', 'taken', 'undone-2'],
    ['undone-1', 'undone-2', 'taken'],
  ]) {
    const outcomes = new Map<string, unknown>()
    const error = await failure(
      async () =>
        await bundle.mine.batch((batch) =>
          order.map(async (slug) => {
            await batch.agents
              .insert({ name: 'A', slug })
              .catch((reason: unknown) => outcomes.set(slug, reason))
          }),
        ),
    )
    expect(error).toBeInstanceOf(UniqueViolationError)
    expect(outcomes.get('taken')).toBe(error)
    expect(outcomes.get('undone-1')).toBeInstanceOf(BatchFailedError)
    expect(outcomes.get('undone-2')).toBeInstanceOf(BatchFailedError)
    expect(await slugs('undone')).toEqual([])
  }
})

test('sends nothing when an argument is bad, or a method needs a transaction', async () => {
  const bad: ((batch: TenantBatch) => readonly unknown[])[] = [
    (batch) => [batch.agents.insert({ name: 'A', slug: 'unsent' }), batch.agents.findById('no uuid')],
    (batch) => [
      batch.agents.insert({ name: 'A', slug: 'unsent' }),
      // two shapes of rows are two statements
      batch.agents.insertMany([
        { name: 'A', slug: 'unsent-1' },
        { name: 'B', slug: 'unsent-2', tagline: 'other columns' },
      ]),
    ],
    (batch) => [
      batch.agents.insert({ name: 'A', slug: 'unsent' }),
      sql`do $$ begin end $$`.execute(batch.db),
    ],
    (batch) => [
      batch.agents.insert({ name: 'A', slug: 'unsent' }),
      batch.db.transaction().execute(async (trx) => await sql`select 1`.execute(trx)),
    ],
    (batch) => [
      batch.agents.insert({ name: 'A', slug: 'unsent' }),
      batch.db.selectFrom('ibex_core.agents').selectAll().stream().next(),
    ],
  ]
  for (const callback of bad) {
    expect(await refusal(bundle, async () => await bundle.mine.batch(callback))).toBeInstanceOf(
      InvalidArgumentError,
    )
    expect(await slugs('unsent')).toEqual([])
  }
})

const late = async (batch: TenantBatch): Promise<unknown[]> => [await batch.agents.count()]

test.each(['commit', 'rollback', 'end', '/* so */ begin', 'start transaction', "prepare transaction 'x'"])(
  'refuses %s, after which the others would run without the tenant',
  async (text) => {
    const callback = (batch: TenantBatch): readonly unknown[] => [
      sql.raw(text).execute(batch.db),
      sql`select * from ibex_core.agents`.execute(batch.db),
    ]
    expect(await refusal(bundle, async () => await bundle.mine.batch(callback))).toMatchObject({
      argument: 'query',
    })
  },
)

test('sends nothing when the callback throws or returns no array', async () => {
  const thrown = new Error('no')
  const throwing = (batch: TenantBatch): readonly unknown[] => {
    void batch.agents.insert({ name: 'A', slug: 'thrown' })
    throw thrown
  }
  expect(await failure(async () => await bundle.mine.batch(throwing))).toBe(thrown)
  for (const callback of [late, []]) {
    // @ts-expect-error a promise of an array comes too late, and an array is no function
    expect(await refusal(bundle, async () => await bundle.mine.batch(callback))).toMatchObject({
      argument: 'batch',
    })
  }
  expect(events).toEqual([])
})

test('refuses a statement that waits for the answer of another, and a batch that was kept', async () => {
  let kept: TenantBatch | undefined
  const chained = async () =>
    await bundle.mine.batch((batch) => {
      kept = batch
      return [batch.agents.count().then(async (count) => [count, await batch.agents.count()])]
    })
  expect(await failure(chained)).toMatchObject({ argument: 'batch' })
  expect(await refusal(bundle, async () => await kept?.agents.count())).toMatchObject({ argument: 'batch' })
})

test('waits for what the callback started and did not return', async () => {
  await bundle.mine.batch((batch) => {
    void batch.agents.insert({ name: 'A', slug: 'not-returned' })
    return []
  })
  expect(await slugs('not-returned')).toEqual(['not-returned'])
})

test('throws what a method says about its answer, and keeps what was written', async () => {
  const error = await failure(
    async () =>
      await bundle.mine.batch((batch) => [
        batch.agents.insert({ name: 'A', slug: 'kept' }),
        batch.agents.findByIdOrThrow('00000000-0000-4000-8000-000000000000'),
      ]),
  )
  expect(error).toMatchObject({ name: 'RowNotFoundError' })
  expect(await slugs('kept')).toEqual(['kept'])
})

test('is refused for the outer scope inside a transaction', async () => {
  const error = await failure(
    async () =>
      await bundle.mine.transaction(
        async () => await bundle.mine.batch((batch) => [batch.agents.count(), batch.agents.count()]),
      ),
  )
  expect(error).toBeInstanceOf(OuterScopeError)
})

test('gives a statement the settings of its own', async () => {
  const query = withSettings(
    sql<{ value: string }>`select current_setting('app.probe', true) as value`.compile(bundle.mine.db),
    { 'app.probe': 'set' },
  )
  const [first, second] = await bundle.mine.batch(({ db }) => [
    sql<{ value: string }>`select coalesce(current_setting('app.probe', true), '') as value`.execute(db),
    db.executeQuery(query),
  ])
  expect([first.rows[0]?.value, second.rows[0]?.value]).toEqual(['', 'set'])
})

test(
  'is sent again when the server has forgotten its prepared statements',
  skipBehindPooler('statements are not prepared there'),
  async () => {
    let count = 0
    const run = async () =>
      await bundle.mine.batch((batch) => [
        batch.agents.count(),
        batch.agents.insert({ name: 'A', slug: `again-${++count}` }),
      ])
    await run()
    // the library cannot see what runs inside
    await sql`do $$ begin execute 'deallocate all'; end $$`.execute(bundle.mine.db)
    await run()
    await sql`alter table ibex_core.agents add column batch_probe int`.execute(bundle.admin)
    const [, agent] = await run()
    await sql`alter table ibex_core.agents drop column batch_probe`.execute(bundle.admin)
    expect(agent).toHaveProperty('batch_probe', null)
    expect(await slugs('again')).toHaveLength(3)
  },
)

describe('inside a transaction', () => {
  test('takes part in it', async () => {
    const failing = bundle.mine.transaction(async (trx) => {
      await trx.batch((batch) => [batch.agents.insert({ name: 'A', slug: 'inside' })])
      expect(await trx.agents.count({ slug: 'inside' })).toBe(1)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await slugs('inside')).toEqual([])
  })

  test('lets statements wait for answers, and methods have several statements', async () => {
    const [agents, sessions] = await bundle.mine.transaction(
      async (trx) =>
        await trx.batch((batch) => [
          batch.agents.insertMany([
            { name: 'A', slug: 'several-1' },
            { name: 'B', slug: 'several-2', tagline: 'other columns' },
          ]),
          batch.agents
            .insert({ name: 'C', slug: 'several-3' })
            .then(async ({ id }) => await batch.sessions.insert({ agent_id: id })),
        ]),
    )
    expect(agents.map(({ slug }) => slug)).toEqual(['several-1', 'several-2'])
    expect(sessions.org_id).toBe(bundle.mine.orgId)
    expect(await slugs('several')).toHaveLength(3)
  })

  test('aborts it when a statement fails, and can be undone by a savepoint', async () => {
    await bundle.mine.transaction(async (trx) => {
      const run = async () =>
        await trx.transaction(
          async (nested) =>
            await nested.batch((batch) => [
              batch.agents.insert({ name: 'A', slug: 'nested' }),
              sql`select 1 / 0`.execute(batch.db),
            ]),
        )
      expect(await failure(run)).toMatchObject({ sqlState: '22012' })
      await trx.agents.insert({ name: 'A', slug: 'after-nested' })
    })
    expect(await slugs('nested')).toEqual([])
    expect(await slugs('after-nested')).toEqual(['after-nested'])
  })

  test('keeps the transaction whole when nothing was sent', async () => {
    await bundle.mine.transaction(async (trx) => {
      const run = async () => await trx.batch((batch) => [batch.agents.count(), batch.agents.findById('no')])
      expect(await refusal(bundle, run)).toBeInstanceOf(InvalidArgumentError)
      expect(await trx.agents.count({ slug: 'after-nested' })).toBe(1)
    })
  })
})

const five = (batch: TenantBatch): readonly Promise<unknown>[] => [
  batch.agents.count(),
  batch.agents.find({ limit: 1 }),
  batch.sessions.count(),
  batch.memories.count(),
  sql`select 1`.execute(batch.db),
]

describe('on the wire', skipOnEmbedded('no network: there are no round trips to count'), () => {
  let server: TestDatabase
  let counter: FlightCounter
  let database: Database
  let tenant: TenantScope

  beforeAll(async () => {
    server = await setup()
    counter = await countFlights(serverUrl(server))
    database = createDatabase({ url: urlForPort(serverUrl(server), counter.port), poolSize: 1 })
    const { id } = await insertOrganization(server.admin)
    tenant = database.forTenant(id)
    await sql`select 1`.execute(tenant.db)
  })

  afterAll(async () => {
    await database.close()
    await counter[Symbol.asyncDispose]()
    await server.close()
  })

  async function flightsOf(run: () => Promise<unknown>): Promise<number> {
    const before = counter.flights
    await run()
    return counter.flights - before
  }

  test('takes one round trip for five statements, the first time and when they are prepared', async () => {
    expect(await flightsOf(async () => await tenant.batch(five))).toBe(1)
    expect(await flightsOf(async () => await tenant.batch(five))).toBe(1)
  })

  test('takes one round trip when a statement fails, and none when nothing is sent', async () => {
    const flights = await flightsOf(async () => {
      const failing = tenant.batch((batch) => [...five(batch), sql`select 1 / 0`.execute(batch.db)])
      await expect(failing).rejects.toThrow(DataExceptionError)
    })
    expect(flights).toBe(1)
    const none = await flightsOf(async () => {
      const failing = tenant.batch((batch) => [...five(batch), batch.agents.findById('no')])
      await expect(failing).rejects.toThrow(InvalidArgumentError)
    })
    expect(none).toBe(0)
  })

  test('takes two round trips for a transaction that is one batch', async () => {
    const flights = await flightsOf(
      async () => await tenant.transaction(async (trx) => await trx.batch(five)),
    )
    expect(flights).toBe(2)
  })
})
