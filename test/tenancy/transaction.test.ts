import { sql } from 'kysely'
import { AbortedTransactionError } from 'kysely'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { InvalidArgumentError, ReadOnlyTransactionError } from '../../src/errors.ts'
import type { TransactionOptions } from '../../src/tenancy/transaction.ts'
import { failure, openTwoTenants, ownersView, refusal, type TwoTenants } from '../support/two-tenants.ts'
import { skipOnEmbedded } from '../support/skip.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
})

afterAll(async () => {
  await bundle.close()
})

async function slugs(): Promise<readonly string[]> {
  const rows = await bundle.mine.agents.find()
  return rows.map(({ slug }) => slug)
}

test('commits when the callback returns, for this tenant only', async () => {
  const theirs = await ownersView(bundle.admin, 'ibex_core.agents', bundle.theirs.orgId)
  const result = await bundle.mine.transaction(async (trx) => {
    await trx.agents.insert({ name: 'A', slug: 'committed' })
    return 'the result'
  })
  expect(result).toBe('the result')
  expect(await slugs()).toContain('committed')
  expect(await bundle.theirs.agents.find()).toEqual([])
  expect(await ownersView(bundle.admin, 'ibex_core.agents', bundle.theirs.orgId)).toEqual(theirs)
})

test('rolls back and rethrows the very error when the callback throws', async () => {
  const thrown = new Error('no')
  const error = await failure(
    async () =>
      await bundle.mine.transaction(async (trx) => {
        await trx.agents.insert({ name: 'A', slug: 'thrown' })
        throw thrown
      }),
  )
  expect(error).toBe(thrown)
  expect(await slugs()).not.toContain('thrown')
})

test('does not report a commit when an error was swallowed', async () => {
  const error = await failure(
    async () =>
      await bundle.mine.transaction(async (trx) => {
        await trx.agents.insert({ name: 'A', slug: 'swallowed' })
        await sql`select 1 / 0`.execute(trx.db).catch(() => {})
      }),
  )
  expect(error).toBeInstanceOf(AbortedTransactionError)
  expect(await slugs()).not.toContain('swallowed')
})

test('undoes only the savepoint when a nested transaction throws', async () => {
  await bundle.mine.transaction(async (trx) => {
    await trx.agents.insert({ name: 'A', slug: 'outer' })
    const nested = trx.transaction(async (inner) => {
      await inner.agents.insert({ name: 'A', slug: 'inner' })
      await inner.transaction(async (innermost) => {
        await innermost.agents.insert({ name: 'A', slug: 'innermost' })
      })
      await sql`select 1 / 0`.execute(inner.db)
    })
    await expect(nested).rejects.toHaveProperty('sqlState', '22012')
    await trx.transaction(async (inner) => await inner.agents.insert({ name: 'A', slug: 'second' }))
    await expect(trx.transaction(async () => await Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
  const found = await slugs()
  expect(found).toEqual(expect.arrayContaining(['outer', 'second']))
  expect(found).not.toContain('inner')
  expect(found).not.toContain('innermost')
})

test('keeps the tenant through nested transactions', async () => {
  const tenants = await bundle.mine.transaction(async (trx) => {
    const read = async ({ db }: typeof trx) =>
      (await sql<{ id: string }>`select ibex_core.current_org_id() as id`.execute(db)).rows[0]?.id
    return [await read(trx), await trx.transaction(read), await read(trx)]
  })
  expect(tenants).toEqual([bundle.mine.orgId, bundle.mine.orgId, bundle.mine.orgId])
})

test('runs statements of one transaction concurrently, the first of them included', async () => {
  const rows = await bundle.mine.transaction(async (trx) => {
    const numbers = Array.from({ length: 30 }, (_, index) => index)
    return await Promise.all(
      numbers.map(async (number) => {
        const result = await sql<{
          number: number
          xid: string
          tenant: string
        }>`select ${number}::int as number,
          pg_current_xact_id()::text as xid, ibex_core.current_org_id() as tenant`.execute(trx.db)
        return result.rows[0]
      }),
    )
  })
  expect(rows.map((row) => row?.number)).toEqual(Array.from({ length: 30 }, (_, index) => index))
  expect(new Set(rows.map((row) => row?.xid)).size).toBe(1)
  expect(new Set(rows.map((row) => row?.tenant))).toEqual(new Set([bundle.mine.orgId]))
})

test('writes nothing when it is read-only', async () => {
  const error = await failure(
    async () =>
      await bundle.mine.transaction(
        async (trx) => await trx.agents.insert({ name: 'A', slug: 'read-only' }),
        {
          readOnly: true,
        },
      ),
  )
  expect(error).toBeInstanceOf(ReadOnlyTransactionError)
  expect(await slugs()).not.toContain('read-only')
})

test.each(['read uncommitted', 'read committed', 'repeatable read', 'serializable'] as const)(
  'has the isolation level %s',
  async (isolationLevel) => {
    const level = await bundle.mine.transaction(
      async (trx) =>
        (
          await sql<{ level: string }>`select current_setting('transaction_isolation') as level`.execute(
            trx.db,
          )
        ).rows[0]?.level,
      { isolationLevel },
    )
    expect(level).toBe(isolationLevel)
  },
)

test.each([
  ['an unknown option', { isolation: 'serializable' }],
  ['an unknown isolation level', { isolationLevel: 'serializable; drop table x' }],
  ['a fraction of a retry', { retry: 1.5 }],
  ['a negative timeout', { statementTimeout: -1 }],
  ['an unknown actor', { actor: { type: 'nobody' } }],
  ['an empty reason', { changeReason: '' }],
])('is refused before any SQL with %s', async (_, options) => {
  const error = await refusal(
    bundle,
    async () =>
      await bundle.mine.transaction(
        async (trx) => await sql`select 1`.execute(trx.db),
        // what a service without types passes
        options as TransactionOptions,
      ),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
})

describe('statementTimeout', skipOnEmbedded('timeouts need signals, which one process has none of'), () => {
  test('ends a statement, and counts each on its own', async () => {
    const threeTimes = async (): Promise<void> =>
      await bundle.mine.transaction(
        async (trx) => {
          for (let count = 0; count < 3; count++) await sql`select pg_sleep(0.1)`.execute(trx.db)
        },
        { statementTimeout: 250 },
      )
    // a server that is held up may be late for one; counted together the three always are
    await vi.waitFor(threeTimes, { timeout: 20_000 })
    const slow = bundle.mine.transaction(async (trx) => await sql`select pg_sleep(5)`.execute(trx.db), {
      statementTimeout: 100,
    })
    await expect(slow).rejects.toMatchObject({ code: 'query_canceled', isRetryable: false })
  })
})

test('reports what a deferred constraint finds at the end as the error of its condition', async () => {
  await sql`create table public.deferred (id int unique deferrable initially deferred)`.execute(bundle.admin)
  await sql`grant insert, select on public.deferred to ibex_app`.execute(bundle.admin)
  const error = await failure(
    async () =>
      await bundle.mine.transaction(async (trx) => {
        await sql`insert into public.deferred values (4711), (4711)`.execute(trx.db)
      }),
  )
  expect(error).toMatchObject({ code: 'unique_violation', table: 'deferred', columns: ['id'] })
  expect(JSON.stringify(error) + error.message).not.toContain('4711')
})
