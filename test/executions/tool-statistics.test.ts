/** Error rates and durations per tool and day. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NewToolExecution, ToolExecutionStatus } from '../../types/database.d.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

const monday = new Date('2026-03-02T00:00:00Z')
const thursday = new Date('2026-03-05T00:00:00Z')

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { mine, theirs } = tenants
  await mine.toolExecutions.insertMany([
    // 1 to 100 milliseconds, every fourth a failure
    ...Array.from({ length: 100 }, (_, index) =>
      call('search', '2026-03-02T12:00:00Z', index + 1, index % 4 === 0),
    ),
    call('read', '2026-03-02T00:00:00Z', 10),
    call('read', '2026-03-02T23:59:59.999Z', 20),
    call('read', '2026-03-03T00:00:00Z', 40),
    call('write', '2026-03-03T09:00:00Z', 5, true),
    call('wait', '2026-03-04T09:00:00Z'),
    call('wait', '2026-03-04T09:00:00Z', 3_000_000_000),
    call('hang', '2026-03-04T09:00:00Z'),
    // before and after
    call('read', '2026-03-01T23:59:59.999Z', 1_000_000),
    call('read', '2026-03-05T00:00:00Z', 1_000_000),
  ])
  await theirs.toolExecutions.insertMany(
    Array.from({ length: 50 }, () => call('search', '2026-03-02T12:00:00Z', 999, true)),
  )
})

afterAll(async () => {
  await tenants.close()
})

/** A call that has ended after so many milliseconds, or is running. */
function call(
  toolName: string,
  at: string,
  duration?: number,
  isFailure = false,
): Omit<NewToolExecution, 'org_id'> {
  const ended: ToolExecutionStatus = isFailure ? 'failed' : 'completed'
  return {
    correlation_id: 'request-1',
    tool_name: toolName,
    created_at: at,
    status: duration === undefined ? 'running' : ended,
    duration_ms: duration ?? null,
  }
}

test('counts per tool and UTC day, with error rate and percentiles of what has ended', async () => {
  expect(await tenants.mine.toolExecutions.statistics({ from: monday, to: thursday })).toEqual([
    {
      day: '2026-03-02',
      toolName: 'read',
      calls: 2,
      running: 0,
      failures: 0,
      errorRate: 0,
      p50Ms: 15,
      p95Ms: 19.5,
    },
    {
      day: '2026-03-02',
      toolName: 'search',
      calls: 100,
      running: 0,
      failures: 25,
      errorRate: 0.25,
      p50Ms: 50.5,
      p95Ms: expect.closeTo(95.05, 9),
    },
    {
      day: '2026-03-03',
      toolName: 'read',
      calls: 1,
      running: 0,
      failures: 0,
      errorRate: 0,
      p50Ms: 40,
      p95Ms: 40,
    },
    {
      day: '2026-03-03',
      toolName: 'write',
      calls: 1,
      running: 0,
      failures: 1,
      errorRate: 1,
      p50Ms: 5,
      p95Ms: 5,
    },
    {
      day: '2026-03-04',
      toolName: 'hang',
      calls: 1,
      running: 1,
      failures: 0,
      errorRate: null,
      p50Ms: null,
      p95Ms: null,
    },
    {
      day: '2026-03-04',
      toolName: 'wait',
      calls: 2,
      running: 1,
      failures: 0,
      errorRate: 0,
      p50Ms: 3_000_000_000,
      p95Ms: 3_000_000_000,
    },
  ])
})

test('counts one tool alone, and a part of a day', async () => {
  const { toolExecutions } = tenants.mine
  const one = await toolExecutions.statistics({ from: monday, to: thursday, toolName: 'read' })
  expect(one.map(({ day, calls }) => [day, calls])).toEqual([
    ['2026-03-02', 2],
    ['2026-03-03', 1],
  ])
  const noon = new Date('2026-03-02T12:00:00Z')
  const part = await toolExecutions.statistics({ from: noon, to: new Date('2026-03-02T12:00:00.001Z') })
  expect(part.map(({ toolName, calls }) => [toolName, calls])).toEqual([['search', 100]])
  expect(await toolExecutions.statistics({ from: noon, to: noon })).toEqual([])
  expect(await toolExecutions.statistics({ from: monday, to: thursday, toolName: 'none' })).toEqual([])
})

test('counts days in UTC, whatever the time zone of the session', async () => {
  const days = await tenants.mine.transaction(async (trx) => {
    await sql`select set_config('timezone', 'Asia/Tokyo', true)`.execute(trx.db)
    return await trx.toolExecutions.statistics({ from: monday, to: thursday, toolName: 'read' })
  })
  expect(days.map(({ day }) => day)).toEqual(['2026-03-02', '2026-03-03'])
})

test('counts nothing of another tenant', async () => {
  const [theirs] = await tenants.theirs.toolExecutions.statistics({ from: monday, to: thursday })
  expect(theirs).toMatchObject({ toolName: 'search', calls: 50, failures: 50, errorRate: 1, p50Ms: 999 })
})

test('takes one statement', async () => {
  const before = tenants.statements.length
  await tenants.mine.toolExecutions.statistics({ from: monday, to: thursday })
  expect(tenants.statements.slice(before)).toHaveLength(1)
})
