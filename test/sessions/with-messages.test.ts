import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { file, rowsOf, said, upTo } from './samples.ts'

let tenants: TwoTenants
let agent: Agent
let session: Session

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
})

beforeEach(async () => {
  const { admin, mine, theirs } = tenants
  session = await mine.sessions.start({ agentId: agent.id, metadata: { a: [1] } })
  // the same id, with messages that must not get into mine
  await insertSession(admin, { org_id: theirs.orgId, id: session.id })
  await theirs.messages.appendMany(session.id, [
    { role: 'user', content: 'theirs', attachments: [file({ filePath: '/theirs' })] },
  ])
})

afterAll(async () => {
  await tenants.close()
})

test('reads a session with its last messages and their attachments as each is read by itself', async () => {
  const { mine } = tenants
  await mine.messages.appendMany(
    session.id,
    upTo(12).map((number) => ({
      role: 'assistant',
      content: `line ${number}`,
      toolCalls: [{ big: 1e21, text: 'it\'s "quoted" \\ {' }],
      attachments: upTo(number % 3).map((page) =>
        file({ filePath: `/${number}/${page}`, fileSize: Number.MAX_SAFE_INTEGER }),
      ),
    })),
  )
  await mine.messages.rate((await mine.messages.last(session.id, 1))[0]?.id ?? '', { rating: 'positive' })
  const found = await mine.sessions.findWithMessages(session.id, { last: 5 })
  const { messages = [], ...row } = found ?? {}
  expect(row).toEqual(await mine.sessions.findByIdOrThrow(session.id))
  expect(rowsOf(messages)).toEqual(await mine.messages.last(session.id, 5))
  for (const { id, seq, attachments } of messages) {
    expect(attachments.map(({ file_path }) => file_path)).toEqual(
      upTo(seq % 3).map((page) => `/${seq}/${page}`),
    )
    expect(attachments).toEqual(
      await mine.attachments.find({ where: { message_id: id }, orderBy: { id: 'asc' } }),
    )
  }
})

test('keeps every digit of a bigint and gives times as Dates', async () => {
  const { admin, mine } = tenants
  const message = await mine.messages.append({
    sessionId: session.id,
    role: 'user',
    content: 'hello',
    attachments: [file()],
  })
  await sql`update ibex_core.attachments set file_size = 9223372036854775807, uploaded_at = '1999-12-31 23:59:59.999999+00'
    where message_id = ${message.id}`.execute(admin)
  const found = await mine.sessions.findWithMessages(session.id, { last: 1 })
  const attachment = found?.messages[0]?.attachments[0]
  expect(attachment?.file_size).toBe('9223372036854775807')
  expect(attachment?.uploaded_at).toEqual(new Date('1999-12-31T23:59:59.999Z'))
  expect(found?.messages[0]?.created_at).toEqual(message.created_at)
  expect(found?.messages[0]?.deleted_at).toBeNull()
})

test('leaves summaries and soft-deleted messages out', async () => {
  const { mine } = tenants
  const [, second] = await mine.messages.appendMany(session.id, said('a', 'b', 'c'))
  await mine.messages.summarize(session.id, 'a to c')
  await mine.messages.softDelete(second?.id ?? '')
  const found = await mine.sessions.findWithMessages(session.id, { last: 2 })
  expect(found?.messages.map(({ content }) => content)).toEqual(['a', 'c'])
})

test('reads a session without messages, and none that is deleted, unknown or of another tenant', async () => {
  const { admin, mine, theirs } = tenants
  expect(await mine.sessions.findWithMessages(session.id, { last: 5 })).toEqual({ ...session, messages: [] })
  await mine.sessions.softDelete(session.id)
  const foreign = await insertSession(admin, { org_id: theirs.orgId })
  for (const id of [session.id, foreign.id, randomUUID()])
    expect(await mine.sessions.findWithMessages(id, { last: 5 })).toBeUndefined()
  expect((await theirs.sessions.findWithMessages(session.id, { last: 5 }))?.messages).toHaveLength(1)
})

test('takes one statement, however many messages there are', async () => {
  const { mine, statements } = tenants
  await mine.messages.appendMany(session.id, said(...upTo(30).map(String)))
  const before = statements.length
  expect((await mine.sessions.findWithMessages(session.id, { last: 30 }))?.messages).toHaveLength(30)
  expect(statements.length - before).toBe(1)
})
