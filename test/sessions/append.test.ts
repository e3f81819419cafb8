import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ForeignKeyViolationError, UnknownOrganizationError } from '../../src/errors.ts'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertRole, insertSession } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'
import { file, rowsOf, said, upTo } from './samples.ts'

let tenants: TwoTenants
let agent: Agent
let session: Session
let foreign: Session
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  foreign = await insertSession(tenants.admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.messages.append({
    sessionId: foreign.id,
    role: 'user',
    content: 'a secret',
    attachments: [file()],
  })
  theirsUnchanged = await watchTheirs(
    tenants,
    ...['sessions', 'messages', 'attachments'].map((name) => `ibex_core.${name}`),
  )
})

beforeEach(async () => {
  session = await tenants.mine.sessions.start({ agentId: agent.id })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  const { mine } = tenants
  expect(await mine.messages.exists({ session_id: foreign.id })).toBe(false)
  expect(await mine.messages.last(foreign.id, 10)).toEqual([])
}

/** How many messages and attachments are stored for me, as the owner sees them. */
async function storedCounts(): Promise<readonly number[]> {
  const { admin, mine } = tenants
  const views = ['messages', 'attachments'].map(
    async (name) => (await ownersView(admin, `ibex_core.${name}`, mine.orgId)).length,
  )
  return await Promise.all(views)
}

test('appends a message with everything that is given, and its attachments in their order', async () => {
  const { admin, mine } = tenants
  const role = await insertRole(admin, { org_id: mine.orgId })
  const names = Array.from({ length: 8 }, (_, index) => `page ${index}.png`)
  const message = await mine.messages.append({
    sessionId: session.id,
    role: 'assistant',
    content: 'Here “it” is: 🦌',
    agentId: agent.id,
    roleId: role.id,
    toolCalls: [{ name: 'look', with: ['"', null, { a: '\\' }] }],
    toolResults: [],
    tokenCount: 7,
    model: 'm',
    isAiToAi: true,
    attachments: names.map((originalFilename) => file({ originalFilename, fileSize: 2 ** 53 - 1 })),
  })
  expect(message).toMatchObject({
    org_id: mine.orgId,
    session_id: session.id,
    seq: 1,
    agent_id: agent.id,
    role_id: role.id,
    role: 'assistant',
    content: 'Here “it” is: 🦌',
    tool_calls: [{ name: 'look', with: ['"', null, { a: '\\' }] }],
    tool_results: [],
    token_count: 7,
    model: 'm',
    is_summary: false,
    summary_up_to: null,
    is_ai_to_ai: true,
    feedback_rating: null,
    deleted_at: null,
  })
  expect(message.attachments.map((attachment) => attachment.original_filename)).toEqual(names)

  const { attachments, ...row } = message
  expect(row).toEqual(await mine.messages.findByIdOrThrow(row.id))
  const stored = await mine.attachments.find({ orderBy: { id: 'asc' }, where: { message_id: row.id } })
  expect(attachments).toEqual(stored)
  expect(stored[0]).toMatchObject({
    filename: '7f3a.png',
    file_type: 'image',
    mime_type: 'image/png',
    file_size: '9007199254740991',
    file_path: '/files/7f3a.png',
    uploaded_at: row.created_at,
  })
})

test('appends a message that says nothing more than its role, with defaults for the rest', async () => {
  const message = await tenants.mine.messages.append({ sessionId: session.id, role: 'tool', content: '' })
  expect(message).toMatchObject({
    content: '',
    agent_id: null,
    tool_calls: null,
    token_count: 0,
    model: null,
  })
  expect(message.attachments).toEqual([])
})

test('takes one statement, with attachments and without, for one message and for many', async () => {
  const { mine, statements } = tenants
  const before = statements.length
  await mine.messages.append({ sessionId: session.id, role: 'user', content: 'a' })
  await mine.messages.append({ sessionId: session.id, role: 'user', content: 'b', attachments: [file()] })
  await mine.messages.appendMany(session.id, said('c', 'd'))
  await mine.messages.appendMany(session.id, [{ role: 'user', content: 'e', attachments: [file(), file()] }])
  expect(statements.slice(before)).toHaveLength(4)
  await mine.messages.appendMany(session.id, [])
  expect(statements.slice(before)).toHaveLength(4)
})

test('appends many in their order, each with its own attachments', async () => {
  const { mine } = tenants
  const inputs = upTo(300).map((number) => ({
    role: number % 2 === 0 ? ('assistant' as const) : ('user' as const),
    content: `line ${number}`,
    attachments: Array.from({ length: number % 3 }, (_, index) => file({ filePath: `/${number}/${index}` })),
  }))
  const messages = await mine.messages.appendMany(session.id, inputs)
  expect(messages.map(({ seq }) => seq)).toEqual(upTo(300))
  expect(
    messages.map(({ role, content, attachments }) => ({
      role,
      content,
      attachments: attachments.map(({ file_path: filePath }) => file({ filePath })),
    })),
  ).toEqual(inputs)
  const last = await mine.messages.last(session.id, 300)
  expect(last).toEqual(rowsOf(messages))
})

test('appends more than fit one statement, numbered on', { timeout: 120_000 }, async () => {
  const { mine } = tenants
  const messages = await mine.messages.appendMany(session.id, said(...upTo(5_001).map(String)))
  expect(messages.map(({ content }) => Number(content))).toEqual(upTo(5_001))
  expect(messages.map(({ seq }) => seq)).toEqual(upTo(5_001))
  expect(await mine.sessions.findByIdOrThrow(session.id)).toMatchObject({ message_count: 5_001 })
  await mine.sessions.delete(session.id)
})

test('appends all or none when the server refuses one', async () => {
  const { mine } = tenants
  const before = await storedCounts()
  const inputs = [
    { role: 'user' as const, content: 'fine', attachments: [file()] },
    { role: 'user' as const, content: 'no such agent', agentId: randomUUID() },
  ]
  const error = await failure(async () => await mine.messages.appendMany(session.id, inputs))
  expect(error).toBeInstanceOf(ForeignKeyViolationError)
  expect(await storedCounts()).toEqual(before)
  expect(await mine.sessions.findByIdOrThrow(session.id)).toEqual(session)
})

test('says the same of a session of another tenant, a soft-deleted one and an unknown one', async () => {
  const { mine } = tenants
  const before = await storedCounts()
  await mine.sessions.softDelete(session.id)
  const message = { role: 'user', content: 'hello', attachments: [file()] } as const
  const errors: Error[] = []
  for (const sessionId of [foreign.id, session.id, randomUUID()]) {
    errors.push(await failure(async () => await mine.messages.append({ ...message, sessionId })))
    errors.push(await failure(async () => await mine.messages.appendMany(sessionId, said('a', 'b'))))
    const row = { session_id: sessionId, role: 'user', content: 'hello' } as const
    errors.push(await failure(async () => await mine.messages.insert(row)))
  }
  for (const error of errors) {
    expect(error).toBeInstanceOf(ForeignKeyViolationError)
    expect(error).toMatchObject({ constraint: 'messages_org_id_session_id_fkey' })
    expect(shown(error)).toEqual(shown(errors[0]))
    expect(error.cause).toMatchObject({
      message: expect.stringMatching(/^insert or update on table "messages"/),
    })
  }
  expect(await storedCounts()).toEqual(before)
  expect(await ownersView(tenants.admin, 'ibex_core.sessions', mine.orgId)).toContainEqual(
    expect.objectContaining({ id: session.id, last_seq: 0, message_count: 0 }),
  )
})

test('says the same of an agent or persona of another tenant as of one that does not exist', async () => {
  const { admin, mine, theirs } = tenants
  const foreignIds = {
    agentId: foreign.agent_id,
    roleId: (await insertRole(admin, { org_id: theirs.orgId })).id,
  }
  for (const [name, id] of Object.entries(foreignIds)) {
    const errors: Error[] = []
    for (const each of [id, randomUUID()]) {
      const input = { sessionId: session.id, role: 'user', content: 'hello', [name]: each } as const
      errors.push(await failure(async () => await mine.messages.append(input)))
    }
    expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(errors[0])).toEqual(shown(errors[1]))
  }
  expect(await mine.messages.exists({ session_id: session.id })).toBe(false)
})

test('throws UnknownOrganizationError when the tenant does not exist', async () => {
  const nobody = tenants.database.forTenant(randomUUID())
  const input = { sessionId: session.id, role: 'user', content: 'hello' } as const
  expect(await failure(async () => await nobody.messages.append(input))).toBeInstanceOf(
    UnknownOrganizationError,
  )
})

test('refuses an attachment to a message of another tenant as to one that does not exist', async () => {
  const { mine, theirs } = tenants
  const [message] = await theirs.messages.last(foreign.id, 1)
  const before = await storedCounts()
  const errors: Error[] = []
  for (const messageId of [message?.id ?? '', randomUUID()]) {
    const row = { message_id: messageId, filename: 'a', original_filename: 'a', file_type: 'data' } as const
    const attachment = { ...row, mime_type: 'text/csv', file_size: 1, file_path: '/a' }
    errors.push(await failure(async () => await mine.attachments.insert(attachment)))
  }
  expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
  expect(errors[0]).toMatchObject({ constraint: 'attachments_org_id_message_id_fkey' })
  expect(shown(errors[0])).toEqual(shown(errors[1]))
  expect(await storedCounts()).toEqual(before)
})

test('is undone with the transaction that surrounds it, and with its savepoint', async () => {
  const { mine } = tenants
  await mine.transaction(async (trx) => {
    await trx.messages.appendMany(session.id, said('one'))
    await failure(
      async () =>
        await trx.transaction(async (inner) => {
          const [two] = await inner.messages.appendMany(session.id, said('two'))
          expect(two?.seq).toBe(2)
          throw new Error('changed my mind')
        }),
    )
    await trx.messages.appendMany(session.id, said('three'))
  })
  const messages = await mine.messages.last(session.id, 10)
  expect(messages.map(({ seq, content }) => [seq, content])).toEqual([
    [1, 'one'],
    [2, 'three'],
  ])
})
