import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CheckViolationError, ForeignKeyViolationError } from '../../src/errors.ts'
import type { Agent, Message, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, shown, watchTheirs } from '../support/two-tenants.ts'
import { said, upTo } from './samples.ts'

let tenants: TwoTenants
let agent: Agent
let session: Session
let foreign: Message
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  agent = await insertAgent(admin, { org_id: mine.orgId })
  const theirSession = await insertSession(admin, { org_id: theirs.orgId })
  const message = { sessionId: theirSession.id, role: 'user', content: 'a secret', tokenCount: 1 } as const
  foreign = await theirs.messages.append(message)
  await theirs.messages.summarize(theirSession.id, 'a secret, in short')
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.messages', 'ibex_core.sessions')
})

beforeEach(async () => {
  session = await tenants.mine.sessions.start({ agentId: agent.id })
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

function contents(messages: readonly Message[]): string[] {
  return messages.map(({ content }) => content)
}

/** Appends messages whose content is their number and whose tokens are given. */
async function spoken(...tokens: readonly number[]): Promise<Message[]> {
  return await tenants.mine.messages.appendMany(
    session.id,
    tokens.map((tokenCount, index) => ({ role: 'user', content: `${index + 1}`, tokenCount })),
  )
}

async function windowOf(tokens: number): Promise<string[]> {
  return contents(await tenants.mine.messages.window(session.id, { tokens }))
}

describe('last', () => {
  test('reads the newest messages in reading order, without summaries and soft-deleted ones', async () => {
    const { messages } = tenants.mine
    const appended = await messages.appendMany(session.id, said('a', 'b', 'c', 'd'))
    await messages.summarize(session.id, 'a to d')
    await messages.appendMany(session.id, said('e'))
    await messages.softDelete(appended[2]?.id ?? '')
    expect(contents(await messages.last(session.id, 3))).toEqual(['b', 'd', 'e'])
    expect(contents(await messages.last(session.id, 100))).toEqual(['a', 'b', 'd', 'e'])
    await messages.restore(appended[2]?.id ?? '')
    expect(contents(await messages.last(session.id, 3))).toEqual(['c', 'd', 'e'])
  })

  test('reads nothing of an empty session, of an unknown one and of another tenant', async () => {
    const { messages } = tenants.mine
    for (const id of [session.id, randomUUID(), foreign.session_id])
      expect(await messages.last(id, 10)).toEqual([])
  })
})

describe('summaries', () => {
  test('stand for what is before them, or for what they say, oldest first', async () => {
    const { messages } = tenants.mine
    await messages.appendMany(session.id, said('a', 'b', 'c'))
    const first = await messages.summarize(session.id, 'a to c', { tokenCount: 3 })
    // d was said while a model read what is summed up
    await messages.appendMany(session.id, said('d'))
    const second = await messages.summarize(session.id, 'a and b', { upTo: 2 })
    expect(first).toMatchObject({
      role: 'system',
      seq: 4,
      is_summary: true,
      summary_up_to: 3,
      token_count: 3,
    })
    expect(second).toMatchObject({ seq: 6, summary_up_to: 2, token_count: 0 })
    expect(contents(await messages.summaries(session.id))).toEqual(['a to c', 'a and b'])
    await messages.softDelete(first.id)
    expect(contents(await messages.summaries(session.id))).toEqual(['a and b'])
  })

  test('are appended like any message, too', async () => {
    const { messages } = tenants.mine
    await messages.appendMany(session.id, [
      ...said('a', 'b'),
      { role: 'system', content: 'a to b', isSummary: true },
      { role: 'system', content: 'a', isSummary: true, summaryUpTo: 1 },
    ])
    expect(await messages.summaries(session.id)).toMatchObject([
      { content: 'a to b', seq: 3, summary_up_to: 2 },
      { content: 'a', seq: 4, summary_up_to: 1 },
    ])
  })

  test('never stand for what is still to come', async () => {
    const { messages, sessions } = tenants.mine
    await messages.appendMany(session.id, said('a', 'b'))
    const before = await sessions.findByIdOrThrow(session.id)
    const error = await failure(async () => await messages.summarize(session.id, 'a to c', { upTo: 3 }))
    expect(error).toBeInstanceOf(CheckViolationError)
    expect(await messages.summaries(session.id)).toEqual([])
    expect(await sessions.findByIdOrThrow(session.id)).toEqual(before)
  })

  test('belong to sessions of the tenant alone', async () => {
    const { messages } = tenants.mine
    expect(await messages.summaries(foreign.session_id)).toEqual([])
    const errors = [foreign.session_id, randomUUID()].map(
      async (id) => await failure(async () => await messages.summarize(id, 'in short')),
    )
    const [one, other] = await Promise.all(errors)
    expect(one).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(one)).toEqual(shown(other))
  })
})

describe('window', () => {
  test('holds all messages when they fit exactly, and no summary', async () => {
    await spoken(10, 20, 30)
    await tenants.mine.messages.summarize(session.id, 'in short', { tokenCount: 1 })
    expect(await windowOf(60)).toEqual(['1', '2', '3'])
    expect(await windowOf(1_000_000)).toEqual(['1', '2', '3'])
  })

  test('holds the newest that fit, without a summary where there is none', async () => {
    await spoken(10, 20, 30)
    expect(await windowOf(59)).toEqual(['2', '3'])
    expect(await windowOf(50)).toEqual(['2', '3'])
    expect(await windowOf(49)).toEqual(['3'])
    expect(await windowOf(29)).toEqual([])
  })

  test('ends at the first message that is too much, though an older one would fit', async () => {
    await spoken(1, 100, 5)
    expect(await windowOf(50)).toEqual(['3'])
  })

  test('begins with the latest summary when messages are left out, and counts it', async () => {
    const { messages } = tenants.mine
    await spoken(10, 20)
    await messages.summarize(session.id, 'old', { tokenCount: 1 })
    await messages.appendMany(session.id, [{ role: 'assistant', content: '3', tokenCount: 30 }])
    await messages.summarize(session.id, 'new', { tokenCount: 5 })
    expect(await windowOf(59)).toEqual(['new', '2', '3'])
    expect(await windowOf(55)).toEqual(['new', '2', '3'])
    expect(await windowOf(54)).toEqual(['new', '3'])
    expect(await windowOf(34)).toEqual(['new'])
    // the latest one that fits
    expect(await windowOf(4)).toEqual(['old'])
    expect(await messages.window(session.id, { tokens: 55 })).toMatchObject([
      { is_summary: true, summary_up_to: 4, seq: 5 },
      { seq: 2 },
      { seq: 4 },
    ])
  })

  test('leaves soft-deleted messages and summaries out, and does not count them', async () => {
    const { messages } = tenants.mine
    const [, second] = await spoken(10, 20, 30)
    const summary = await messages.summarize(session.id, 'in short', { tokenCount: 5 })
    await messages.softDelete(second?.id ?? '')
    expect(await windowOf(40)).toEqual(['1', '3'])
    expect(await windowOf(39)).toEqual(['in short', '3'])
    await messages.softDelete(summary.id)
    expect(await windowOf(39)).toEqual(['3'])
  })

  test('counts a message without tokens as nothing', async () => {
    await spoken(...upTo(300).map(() => 0), 10)
    expect(await windowOf(10)).toHaveLength(301)
    expect(await windowOf(9)).toEqual([])
  })

  test('adds up more tokens than an integer holds', async () => {
    await spoken(2_147_483_647, 2_147_483_647, 2_147_483_647)
    expect(await windowOf(2 * 2_147_483_647)).toEqual(['2', '3'])
  })

  test('is empty for an empty session, an unknown one and that of another tenant', async () => {
    for (const id of [session.id, randomUUID(), foreign.session_id])
      expect(await tenants.mine.messages.window(id, { tokens: 1_000 })).toEqual([])
  })

  test('takes one statement', async () => {
    await spoken(1, 2)
    const before = tenants.statements.length
    await windowOf(1)
    expect(tenants.statements.length - before).toBe(1)
  })
})

describe('feedback', () => {
  test('is kept, replaced as a whole, and taken back', async () => {
    const { messages } = tenants.mine
    const [message] = await messages.appendMany(session.id, said('a'))
    const id = message?.id ?? ''
    expect(await messages.rate(id, { rating: 'negative', comment: 'too long' })).toMatchObject({
      id,
      feedback_rating: 'negative',
      feedback_comment: 'too long',
    })
    await messages.rate(id, { rating: 'positive' })
    expect(await messages.findById(id)).toMatchObject({ feedback_rating: 'positive', feedback_comment: null })
    await messages.rate(id, { rating: null })
    expect(await messages.findById(id)).toMatchObject({ feedback_rating: null, feedback_comment: null })
  })

  test('goes to no message of another tenant, no soft-deleted one and no unknown one', async () => {
    const { messages } = tenants.mine
    const [message] = await messages.appendMany(session.id, said('a'))
    await messages.softDelete(message?.id ?? '')
    for (const id of [foreign.id, message?.id ?? '', randomUUID()])
      expect(await messages.rate(id, { rating: 'positive', comment: 'mine' })).toBeUndefined()
    expect(await messages.findById(message?.id ?? '', { includeDeleted: true })).toMatchObject({
      feedback_rating: null,
    })
  })
})

test('changes, soft-deletes and restores no message of another tenant', async () => {
  const { messages } = tenants.mine
  expect(await messages.findById(foreign.id)).toBeUndefined()
  expect(await messages.update(foreign.id, { content: 'forged' })).toBeUndefined()
  expect(await messages.softDelete(foreign.id)).toBeUndefined()
  expect(await messages.restore(foreign.id)).toBeUndefined()
  expect(await messages.delete(foreign.id)).toBe(false)
})
