/** What is refused of messages, attachments and the columns that sessions got with them, and that nothing is left of it. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  CheckViolationError,
  DataExceptionError,
  ForeignKeyViolationError,
  InvalidArgumentError,
  NotNullViolationError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { AttachmentInput, MessageInput } from '../../src/sessions/message-input.ts'
import type { NewAttachment, Session } from '../../types/database.d.ts'
import { insertProject, insertSession } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, ownersView, refusal } from '../support/two-tenants.ts'
import { file } from './samples.ts'

let tenants: TwoTenants
let session: Session
let messageId: string
let before: unknown

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine } = tenants
  session = await insertSession(admin, { org_id: mine.orgId, external_id: 'chat' })
  const message = await mine.messages.append({
    sessionId: session.id,
    role: 'user',
    content: 'the one message',
    attachments: [file()],
  })
  messageId = message.id
  before = await view()
})

afterEach(async () => {
  await nothingChanged()
})

afterAll(async () => {
  await tenants.close()
})

/** All that I have, as the owner sees it. */
async function view(): Promise<unknown> {
  const { admin, mine } = tenants
  const views = ['sessions', 'messages', 'attachments'].map(
    async (name) => await ownersView(admin, `ibex_core.${name}`, mine.orgId),
  )
  return await Promise.all(views)
}

async function nothingChanged(): Promise<void> {
  expect(await view()).toEqual(before)
}

/** What no error may say: it is in every value that is refused. */
const secret = 'Xyzzy'

function expectNoValue(error: Error): void {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const { message, stack = '' } = each
    const fields = JSON.stringify(Object.fromEntries(Object.entries(each).filter(([key]) => key !== 'cause')))
    for (const text of [message, stack, fields]) {
      for (const value of [secret, session.id, messageId]) expect(text).not.toContain(value)
    }
  }
}

const half = '🦌'.slice(0, 1)

const badMessages: [string, Record<string, unknown>][] = [
  ['no session', { sessionId: undefined }],
  ['a session id that is no uuid', { sessionId: secret }],
  ['an agent id that is no uuid', { agentId: secret }],
  ['a role id that is no uuid', { roleId: '' }],
  ['no content', { content: undefined }],
  ['content that is null', { content: null }],
  ['content that is no text', { content: { secret } }],
  ['content with a NUL', { content: `${secret}\0` }],
  ['content with half a character', { content: `${secret}${half}` }],
  ['a model with a NUL', { model: `${secret}\0` }],
  ['a model that is no text', { model: 4 }],
  ['tool calls that are an object', { toolCalls: { name: secret } }],
  ['tool calls as text', { toolCalls: `["${secret}"]` }],
  ['tool results that are an object', { toolResults: { name: secret } }],
  ['-1 tokens', { tokenCount: -1 }],
  ['half a token', { tokenCount: 0.5 }],
  ['NaN tokens', { tokenCount: Number.NaN }],
  ['tokens as text', { tokenCount: '7' }],
  ['more tokens than an integer holds', { tokenCount: 2_147_483_648 }],
  ['a summary up to half a message', { isSummary: true, summaryUpTo: 0.5 }],
  ['attachments that are no array', { attachments: file() }],
  ['an attachment that is no object', { attachments: [secret] }],
  ['an attachment that is null', { attachments: [null] }],
]

const badFiles: [string, Record<string, unknown>][] = [
  ['a path of 600 characters', { filePath: `/${secret}/${'x'.repeat(600)}` }],
  ['a path of 501 emoji', { filePath: '🦌'.repeat(501) }],
  ['an empty path', { filePath: '' }],
  ['no path', { filePath: undefined }],
  ['a path with a NUL', { filePath: `/${secret}\0.png` }],
  ['a filename of 256 characters', { filename: 'x'.repeat(256) }],
  ['an empty filename', { filename: '' }],
  ['an original filename of 256 characters', { originalFilename: 'x'.repeat(256) }],
  ['an original filename with half a character', { originalFilename: `${half}.png` }],
  ['a mime type of 101 characters', { mimeType: 'x'.repeat(101) }],
  ['an empty mime type', { mimeType: '' }],
  ['-1 bytes', { fileSize: -1 }],
  ['half a byte', { fileSize: 0.5 }],
  ['bytes beyond exact numbers', { fileSize: 2 ** 53 }],
  ['bytes as text', { fileSize: '7' }],
]

describe('appends no message, before any SQL, with', () => {
  const cases = [
    ...badMessages,
    ...badFiles.map(([name, bad]): [string, Record<string, unknown>] => [
      `an attachment with ${name}`,
      { attachments: [file(), { ...file(), ...bad } as AttachmentInput] },
    ]),
  ]
  test.each(cases)('%s', async (_, bad) => {
    const { messages } = tenants.mine
    const good = { sessionId: session.id, role: 'user' as const, content: 'fine' }
    const input = { ...good, ...bad } as MessageInput
    const errors = [await refusal(tenants, async () => await messages.append(input))]
    if (!('sessionId' in bad)) {
      const { sessionId, ...rest } = input
      errors.push(await refusal(tenants, async () => await messages.appendMany(sessionId, [good, rest])))
    }
    for (const error of errors) {
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expectNoValue(error)
    }
  })
})

test('appends what is just allowed', async () => {
  const { admin, mine } = tenants
  const other = await insertSession(admin, { org_id: mine.orgId, agent_id: session.agent_id })
  const most = file({
    filename: '🦌'.repeat(255),
    originalFilename: 'x'.repeat(255),
    mimeType: 'x'.repeat(100),
    filePath: '🦌'.repeat(500),
    fileSize: Number.MAX_SAFE_INTEGER,
  })
  const message = await mine.messages.append({
    sessionId: other.id.toUpperCase(),
    role: 'assistant',
    content: '',
    tokenCount: 2_147_483_647,
    toolCalls: [],
    attachments: [
      most,
      file({ filename: 'x', originalFilename: 'x', mimeType: 'x', filePath: 'x', fileSize: 0 }),
    ],
  })
  expect(message.attachments.map(({ file_size, file_path }) => [file_size, file_path])).toEqual([
    ['9007199254740991', '🦌'.repeat(500)],
    ['0', 'x'],
  ])
  await admin.deleteFrom('ibex_core.sessions').where('id', '=', other.id).execute()
})

type Refused = readonly [
  values: Readonly<Record<string, unknown>>,
  error: new (...given: never) => Error,
  constraint?: string,
]

const refusedMessages: Record<string, Refused> = {
  'a role that is none': [{ role: secret }, CheckViolationError, 'messages_role_check'],
  'no role': [{ role: null }, NotNullViolationError],
  'no content': [{ content: null }, NotNullViolationError],
  'no session': [{ session_id: null }, NotNullViolationError],
  'a number that is null': [{ seq: null }, NotNullViolationError],
  'a number below 1': [{ seq: -7 }, CheckViolationError, 'messages_seq_check'],
  'a number that leaves a gap': [{ seq: 9 }, CheckViolationError, 'messages_seq_check'],
  'a number that is taken': [{ seq: 1 }, UniqueViolationError, 'messages_org_id_session_id_seq_key'],
  'an id that is taken': [{ id: true }, UniqueViolationError, 'messages_org_id_id_pkey'],
  '-1 tokens': [{ token_count: -1 }, CheckViolationError, 'messages_token_count_check'],
  'tool calls that are an object': [
    { tool_calls: { name: secret } },
    CheckViolationError,
    'messages_tool_calls_check',
  ],
  'tool results that are a text': [
    { tool_results: JSON.stringify(secret) },
    CheckViolationError,
    'messages_tool_results_check',
  ],
  'tool results with a NUL': [{ tool_results: [`${secret}\0`] }, DataExceptionError],
  'a rating that is none': [
    { feedback_rating: secret },
    CheckViolationError,
    'messages_feedback_rating_check',
  ],
  'an end of what it sums up, though it is no summary': [
    { summary_up_to: 0 },
    CheckViolationError,
    'messages_is_summary_summary_up_to_seq_check',
  ],
  'a summary of what is still to come': [
    { is_summary: true, summary_up_to: 9 },
    CheckViolationError,
    'messages_is_summary_summary_up_to_seq_check',
  ],
  'a session that does not exist': [
    { session_id: randomUUID() },
    ForeignKeyViolationError,
    'messages_org_id_session_id_fkey',
  ],
  'an agent that does not exist': [
    { agent_id: randomUUID() },
    ForeignKeyViolationError,
    'messages_org_id_agent_id_fkey',
  ],
  'a persona that does not exist': [
    { role_id: randomUUID() },
    ForeignKeyViolationError,
    'messages_org_id_role_id_fkey',
  ],
}

const refusedAttachments: Record<string, Refused> = {
  'a path of 600 characters': [
    { file_path: secret.repeat(120) },
    CheckViolationError,
    'attachments_file_path_check',
  ],
  'an empty path': [{ file_path: '' }, CheckViolationError, 'attachments_file_path_check'],
  'a filename of 256 characters': [
    { filename: 'x'.repeat(256) },
    CheckViolationError,
    'attachments_filename_check',
  ],
  'an original filename of 256 characters': [
    { original_filename: 'x'.repeat(256) },
    CheckViolationError,
    'attachments_original_filename_check',
  ],
  'a mime type of 101 characters': [
    { mime_type: 'x'.repeat(101) },
    CheckViolationError,
    'attachments_mime_type_check',
  ],
  'a file type that is none': [{ file_type: secret }, CheckViolationError, 'attachments_file_type_check'],
  '-1 bytes': [{ file_size: -1 }, CheckViolationError, 'attachments_file_size_check'],
  'no message': [{ message_id: null }, NotNullViolationError],
  'a message that does not exist': [
    { message_id: randomUUID() },
    ForeignKeyViolationError,
    'attachments_org_id_message_id_fkey',
  ],
}

const refusedSessions: Record<string, Refused> = {
  'a project that does not exist': [
    { project_id: randomUUID() },
    ForeignKeyViolationError,
    'sessions_org_id_project_id_fkey',
  ],
  'a last number below 0': [{ last_seq: -1 }, CheckViolationError, 'sessions_last_seq_check'],
}

/** The errors of a row with bad values in the place of good ones, alone and after a good row. */
async function refusals(
  [values]: Refused,
  good: object,
  // bad rows are of no type that it takes
  repository: { insertMany(rows: readonly never[]): Promise<unknown> },
): Promise<readonly Error[]> {
  // the id of the message is known when a test runs, not when the table of cases is made
  const taken = values['id'] === true ? { id: messageId } : {}
  const bad = { ...good, ...values, ...taken }
  const insert = async (...rows: object[]) => await repository.insertMany(rows as never[])
  return [await failure(async () => await insert(bad)), await failure(async () => await insert(good, bad))]
}

describe('inserts no message with', () => {
  test.each(Object.entries(refusedMessages))('%s', async (_, refused) => {
    const [, ErrorClass, constraint] = refused
    const good = { session_id: session.id, role: 'user', content: secret }
    for (const error of await refusals(refused, good, tenants.mine.messages)) {
      expect(error).toBeInstanceOf(ErrorClass)
      expect(error).toMatchObject({ constraint })
      expectNoValue(error)
    }
  })
})

describe('inserts no attachment with', () => {
  test.each(Object.entries(refusedAttachments))('%s', async (_, refused) => {
    const [, ErrorClass, constraint] = refused
    const good: NewAttachment = {
      message_id: messageId,
      filename: 'a.png',
      original_filename: `${secret}.png`,
      file_type: 'image',
      mime_type: 'image/png',
      file_size: 1,
      file_path: `/${secret}`,
    }
    for (const error of await refusals(refused, good, tenants.mine.attachments)) {
      expect(error).toBeInstanceOf(ErrorClass)
      expect(error).toMatchObject({ constraint })
      expectNoValue(error)
    }
  })
})

describe('inserts no session with', () => {
  test.each(Object.entries(refusedSessions))('%s', async (_, refused) => {
    const [, ErrorClass, constraint] = refused
    const good = { agent_id: session.agent_id, title: secret }
    for (const error of await refusals(refused, good, tenants.mine.sessions)) {
      expect(error).toBeInstanceOf(ErrorClass)
      expect(error).toMatchObject({ constraint })
      expectNoValue(error)
    }
  })
})

test('says the same of a project of another tenant as of one that does not exist', async () => {
  const { admin, mine, theirs } = tenants
  const project = await insertProject(admin, { org_id: theirs.orgId })
  const [foreign, unknown] = [
    await failure(
      async () => await mine.sessions.start({ agentId: session.agent_id, projectId: project.id }),
    ),
    await failure(
      async () => await mine.sessions.start({ agentId: session.agent_id, projectId: randomUUID() }),
    ),
  ]
  expect(foreign).toBeInstanceOf(ForeignKeyViolationError)
  expect(foreign.message).toBe(unknown.message)
})

describe('refuses before any SQL', () => {
  const id = randomUUID()
  const calls: [string, (mine: TwoTenants['mine']) => Promise<unknown>][] = [
    ['the last 0 messages', async ({ messages }) => await messages.last(id, 0)],
    ['the last 10,001 messages', async ({ messages }) => await messages.last(id, 10_001)],
    ['the last messages of no session', async ({ messages }) => await messages.last(secret, 1)],
    ['the summaries of no session', async ({ messages }) => await messages.summaries(secret)],
    ['a window of no session', async ({ messages }) => await messages.window(secret, { tokens: 1 })],
    ['a window of 0 tokens', async ({ messages }) => await messages.window(id, { tokens: 0 })],
    ['a window of NaN tokens', async ({ messages }) => await messages.window(id, { tokens: Number.NaN })],
    ['a summary that is blank', async ({ messages }) => await messages.summarize(id, ' \n')],
    ['a summary with a NUL', async ({ messages }) => await messages.summarize(id, `${secret}\0`)],
    ['a summary up to 0', async ({ messages }) => await messages.summarize(id, secret, { upTo: 0 })],
    ['a summary of no session', async ({ messages }) => await messages.summarize(secret, 'fine')],
    ['batches for no session', async ({ messages }) => await messages.appendMany(secret, [])],
    [
      'a rating that is none',
      async ({ messages }) => await messages.rate(id, { rating: secret as 'positive' }),
    ],
    [
      'a rating that is missing',
      async ({ messages }) => await messages.rate(id, {} as { rating: 'positive' }),
    ],
    [
      'a comment with a NUL',
      async ({ messages }) => await messages.rate(id, { rating: null, comment: `${secret}\0` }),
    ],
    ['a rating of no message', async ({ messages }) => await messages.rate(secret, { rating: null })],
    [
      'no session with messages',
      async ({ sessions }) => await sessions.findWithMessages(secret, { last: 1 }),
    ],
    ['a session with 0 messages', async ({ sessions }) => await sessions.findWithMessages(id, { last: 0 })],
    ['a sweep of 0', async ({ sessions }) => await sessions.sweepExpired({ limit: 0 })],
    ['a sweep of 10,001', async ({ sessions }) => await sessions.sweepExpired({ limit: 10_001 })],
    [
      'a sweep of anything else',
      async ({ sessions }) => await sessions.sweepExpired({ limits: 1 } as object),
    ],
    ['an extraction of 0', async ({ sessions }) => await sessions.forExtraction({ limit: 0 })],
    ['an extracted turn -1', async ({ sessions }) => await sessions.markExtracted(id, -1)],
    ['an extracted turn 0.5', async ({ sessions }) => await sessions.markExtracted(id, 0.5)],
    ['an extracted turn of no session', async ({ sessions }) => await sessions.markExtracted(secret, 1)],
  ]
  test.each(calls)('%s', async (_, call) => {
    const error = await refusal(tenants, async () => await call(tenants.mine))
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expectNoValue(error)
  })
})
