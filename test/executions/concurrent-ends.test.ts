/** Many workers that end the same execution at once: one does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NotRunningError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'

/** The values of the calls that came through; every other one must have been told that it is not running. */
async function winnersOf<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(calls)
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  for (const reason of reasons) expect(reason).toBeInstanceOf(NotRunningError)
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

describe('workers on a server', skipOnEmbedded('one connection: no worker beside another'), () => {
  let tenants: TwoTenants
  let count = 0

  beforeAll(async () => {
    tenants = await openTwoTenants({ poolSize: 20 })
  })

  afterAll(async () => {
    await tenants.close()
  })

  async function start(): Promise<string> {
    const executionId = `run-${++count}`
    for (const { agentExecutions } of [tenants.mine, tenants.theirs])
      await agentExecutions.start({ executionId, agentName: 'Ada', prompt: '' })
    return executionId
  }

  test('lets one of 20 end a run, whether it succeeds or fails', async () => {
    const { agentExecutions } = tenants.mine
    for (let round = 0; round < 10; round++) {
      const executionId = await start()
      const winners = await winnersOf(
        Array.from({ length: 20 }, async (_, worker) =>
          worker % 2 === 0
            ? await agentExecutions.succeed(executionId, { result: { worker } })
            : await agentExecutions.fail(executionId, { error: `of ${worker}`, result: { worker } }),
        ),
      )
      expect(winners).toHaveLength(1)
      expect(await agentExecutions.findByExecutionId(executionId)).toEqual(winners[0])
      const theirs = await tenants.theirs.agentExecutions.findByExecutionId(executionId)
      expect(theirs).toMatchObject({ status: 'running', result: null })
    }
  })

  test('lets one of 20 end a call of a tool', async () => {
    const { toolExecutions } = tenants.mine
    const { id } = await toolExecutions.start({ correlationId: 'request-1', toolName: 'search' })
    const calls = Array.from(
      { length: 20 },
      async (_, output) => await toolExecutions.succeed(id, { output }),
    )
    const winners = await winnersOf(calls)
    expect(winners).toHaveLength(1)
    expect(await toolExecutions.findById(id)).toEqual(winners[0])
  })

  test('lets sweeps and workers end each run once', async () => {
    const { agentExecutions } = tenants.mine
    const executionIds: string[] = []
    for (let run = 0; run < 20; run++) executionIds.push(await start())
    const sweeps = Array.from(
      { length: 4 },
      async () => await agentExecutions.failStale({ runningSeconds: 0, limit: 3 }),
    )
    const ends = executionIds.map(async (executionId) => await agentExecutions.succeed(executionId))
    const [batches, winners] = await Promise.all([Promise.all(sweeps), winnersOf(ends)])
    const swept = batches.flat()
    const ended = winners.map((execution) => execution?.execution_id ?? '')
    expect([...swept, ...ended].toSorted()).toEqual(executionIds.toSorted())
    expect(await agentExecutions.count({ execution_id: swept, status: 'failed' })).toBe(swept.length)
    expect(await agentExecutions.count({ execution_id: ended, status: 'completed' })).toBe(ended.length)
    expect(
      await tenants.theirs.agentExecutions.count({ execution_id: executionIds, status: 'running' }),
    ).toBe(20)
  })

  test('skips what another sweep holds', async () => {
    const ids = [await start(), await start(), await start()]
    await tenants.mine.transaction(async (trx) => {
      const first = await trx.agentExecutions.failStale({ runningSeconds: 0, limit: 2 })
      const second = await runOutsideTransaction(
        async () => await tenants.mine.agentExecutions.failStale({ runningSeconds: 0 }),
      )
      expect(first.toSorted()).toEqual(ids.slice(0, 2))
      expect(second).toEqual(ids.slice(2))
    })
  })

  /** Lets a second worker end a run while a first one holds it, and returns both outcomes. */
  async function endBehind(
    executionId: string,
    fate: () => void,
  ): Promise<readonly PromiseSettledResult<unknown>[]> {
    let second: Promise<unknown> = Promise.resolve()
    const first = tenants.mine.transaction(async (trx) => {
      await trx.agentExecutions.succeed(executionId, { result: 'first' })
      second = runOutsideTransaction(
        async () => await tenants.mine.agentExecutions.succeed(executionId, { result: 'second' }),
      )
      // looked at below; until then it may fail at any time
      second.catch(() => {})
      await untilBlocked(tenants.admin)
      fate()
    })
    return [...(await Promise.allSettled([first])), ...(await Promise.allSettled([second]))]
  }

  test('a worker that waits for another one, which commits, is told so', async () => {
    const executionId = await start()
    const [first, second] = await endBehind(executionId, () => {})
    expect(first).toMatchObject({ status: 'fulfilled' })
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'not_running' } })
    const stored = await tenants.mine.agentExecutions.findByExecutionId(executionId)
    expect(stored).toMatchObject({ status: 'completed', result: 'first' })
  })

  test('a worker that waits for another one, which is rolled back, ends the run', async () => {
    const executionId = await start()
    const [first, second] = await endBehind(executionId, () => {
      throw new Error('rolled back on purpose')
    })
    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'rolled back on purpose' } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { status: 'completed', result: 'second' } })
    const stored = await tenants.mine.agentExecutions.findByExecutionId(executionId)
    expect(stored).toMatchObject({ status: 'completed', result: 'second' })
  })

  test('a worker that waits for a change of the running execution ends it and keeps the change', async () => {
    const executionId = await start()
    let end: Promise<unknown> = Promise.resolve()
    await tenants.mine.transaction(async (trx) => {
      const found = await trx.agentExecutions.findByExecutionId(executionId)
      await trx.agentExecutions.update(found?.id ?? '', { metadata: { step: 2 } })
      end = runOutsideTransaction(async () => await tenants.mine.agentExecutions.succeed(executionId))
      await untilBlocked(tenants.admin)
    })
    expect(await end).toMatchObject({ status: 'completed', metadata: { step: 2 } })
  })

  test('a worker that waits for the deletion of an execution finds none', async () => {
    const executionId = await start()
    let end: Promise<unknown> = Promise.resolve()
    await tenants.mine.transaction(async (trx) => {
      const found = await trx.agentExecutions.findByExecutionId(executionId)
      await trx.agentExecutions.delete(found?.id ?? '')
      end = runOutsideTransaction(async () => await tenants.mine.agentExecutions.succeed(executionId))
      await untilBlocked(tenants.admin)
    })
    expect(await end).toBeUndefined()
  })
})
