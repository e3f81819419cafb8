/** What is measured: how each operation is asked for, checked and undone. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../harness/rounds.ts'
import { runSlice } from '../harness/rounds.ts'
import type { NewConversation, NewMemory, Peer, RecordedConversation } from '../peers/peer.ts'
import { assertAgent, assertOrder, assertSame, requireRow } from './checks.ts'
import type { OperationEntry, OperationKey } from './result.ts'
import { bulkMemories, emptyBulkTenant, pageSize, searchLimit } from './world.ts'
import type { World } from './world.ts'

/** A contender: the baseline lacks what takes more than a statement. */
export type Contender = Pick<Peer, 'name' | 'version'> & Partial<Peer> & AsyncDisposable

/** What one slice of a contender gave; the answers were right. */
export interface SliceFigure {
  readonly microseconds: number
  readonly recall: number | null
}

/** Something that every contender can be asked to do. */
export interface Operation {
  readonly key: OperationKey
  /** Called once with many rows instead of again and again for a time. */
  readonly isBulk: boolean
  isSupportedBy(contender: Contender): boolean
  /**
   * Runs a slice, checks every answer when the clock has stopped, and undoes what was written.
   *
   * @throws when an answer is wrong, or something is not stored.
   */
  runSlice(contender: Contender, extent: SliceExtent): Promise<SliceFigure>
}

/** How long a slice is, and how many work at a time. */
export interface SliceExtent {
  readonly concurrency: number
  readonly sliceMs: number
}

/** Makes the operations that work with the world's rows. */
export function createOperations(world: World, entries: readonly OperationEntry[]): Operation[] {
  const makers: Record<OperationKey, (rows: number) => Operation> = {
    read: () => readOne(world),
    page: () => readPage(world),
    insert: () => insertOne(world),
    update: () => updateOne(world),
    unit: () => unitOfWork(world),
    'bulk-small': (rows) => insertMany(world, 'bulk-small', rows),
    'bulk-large': (rows) => insertMany(world, 'bulk-large', rows),
    nearest: () => findNearest(world),
    text: () => findText(world),
  }
  return entries.map(({ key, rows = 0 }) => makers[key](rows))
}

type Method = Extract<keyof Peer, string>

interface Definition<M extends Method, I, O> {
  readonly key: OperationKey
  readonly method: M
  readonly isBulk?: true
  readonly next: () => I
  readonly run: (method: NonNullable<Contender[M]>, input: I) => Promise<O>
  readonly check: (answers: readonly Answer<I, O>[]) => Promise<number | void>
  /** Undoes what was written, the right and the wrong. */
  readonly clean?: (answers: readonly Answer<I, O>[]) => Promise<void>
}

function define<M extends Method, I, O>(definition: Definition<M, I, O>): Operation {
  const { key, method, isBulk = false, next, run, check, clean } = definition
  return {
    key,
    isBulk,
    isSupportedBy: (contender) => contender[method] !== undefined,
    runSlice: async (contender, { concurrency, sliceMs }) => {
      const does = contender[method]
      if (does === undefined || does === null) throw new Error(`${contender.name} has no ${method}`)
      const slice = await runSlice({
        next,
        run: async (input: I) => await run(does, input),
        concurrency,
        sliceMs: isBulk ? 0 : sliceMs,
      })
      try {
        const recall = await check(slice.answers)
        return { microseconds: slice.microseconds, recall: recall ?? null }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        throw new Error(`${contender.name} answered wrongly (${key}): ${reason}`, { cause: error })
      } finally {
        await clean?.(slice.answers)
      }
    },
  }
}

/** Takes one after the other, so that several at a time never have the same one. */
function takeTurns<T>(elements: readonly T[]): () => T {
  let turn = -1
  return () => {
    turn = (turn + 1) % elements.length
    const element = elements[turn]
    if (element === undefined) throw new Error('nothing to ask for: seed some rows first')
    return element
  }
}

function readOne({ agents }: World): Operation {
  const next = takeTurns(agents)
  return define({
    key: 'read',
    method: 'findAgent',
    next,
    run: async (findAgent, { org_id: orgId, id }) => await findAgent(orgId, id),
    check: async (answers) => {
      for (const { input, output } of answers) assertAgent(output, input)
      await Promise.resolve()
    },
  })
}

function readPage({ agents, pages }: World): Operation {
  const next = takeTurns([...pages])
  const known = new Map(agents.map((agent) => [agent.id, agent]))
  return define({
    key: 'page',
    method: 'listAgents',
    next,
    run: async (listAgents, [orgId]) => await listAgents(orgId, pageSize),
    check: async (answers) => {
      for (const { input, output } of answers) {
        const [, ids] = input
        assertOrder(
          output.map(({ id }) => id),
          ids,
        )
        for (const agent of output) assertAgent(agent, requireRow(known.get(agent.id)))
      }
      await Promise.resolve()
    },
  })
}

function insertOne({ admin, pages }: World): Operation {
  const turns = takeTurns([...pages.keys()])
  return define({
    key: 'insert',
    method: 'insertAgent',
    next: () => ({
      orgId: turns(),
      agent: {
        name: 'New agent',
        slug: `new-${randomUUID()}`,
        tagline: 'Answers questions about deliveries',
        status: 'active' as const,
        tags: ['new', 'orders'],
      },
    }),
    run: async (insertAgent, { orgId, agent }) => await insertAgent(orgId, agent),
    check: async (answers) => {
      const { rows } = await admin.query<StoredAgent>(storedAgents, [answers.map(({ output }) => output.id)])
      const stored = new Map(rows.map((row) => [row.id, row]))
      for (const { input, output } of answers) {
        const row = requireRow(stored.get(output.id))
        assertAgent(row, { org_id: input.orgId, ...input.agent, id: output.id, created_at: row.created_at })
        assertAgent(output, row)
      }
    },
    clean: async () => {
      await admin.query(`delete from ibex_core.agents where slug like 'new-%'`)
      await admin.query('vacuum ibex_core.agents')
    },
  })
}

type StoredAgent = Parameters<typeof assertAgent>[1]

const storedAgents = `
  select org_id, id, name, slug, tagline, status, tags, created_at from ibex_core.agents where id = any($1::uuid[])`

function updateOne({ admin, agents }: World): Operation {
  const turns = takeTurns(agents)
  let changes = 0
  return define({
    key: 'update',
    method: 'updateAgent',
    next: () => {
      changes += 1
      return { agent: turns(), tagline: `Changed for the ${changes}th time` }
    },
    run: async (updateAgent, { agent, tagline }) => await updateAgent(agent.org_id, agent.id, tagline),
    check: async (answers) => {
      for (const { input, output } of answers) assertAgent(output, { ...input.agent, tagline: input.tagline })
      const { rows } = await admin.query<StoredAgent>(storedAgents, [
        answers.map(({ input }) => input.agent.id),
      ])
      for (const row of rows) {
        // an agent that was changed twice at the same time holds the one or the other
        const taglines = answers
          .filter(({ input }) => input.agent.id === row.id)
          .map(({ input }) => input.tagline)
        assertSame(taglines.includes(row.tagline ?? ''), true, 'the stored tagline')
      }
      assertSame(rows.length, new Set(answers.map(({ input }) => input.agent.id)).size, 'agents changed')
    },
    clean: async (answers) => {
      const [first] = agents
      await admin.query('update ibex_core.agents set tagline = $2 where id = any($1::uuid[])', [
        answers.map(({ input }) => input.agent.id),
        first?.tagline,
      ])
      await admin.query('vacuum ibex_core.agents')
    },
  })
}

function unitOfWork({ admin, agents }: World): Operation {
  const turns = takeTurns(agents)
  return define({
    key: 'unit',
    method: 'recordConversation',
    next: () => {
      const agent = turns()
      const conversation: NewConversation = {
        agentId: agent.id,
        question: 'Where is my order?',
        answer: `It is on its way: ${randomUUID()}`,
        title: 'An order that is late',
      }
      return { agent, conversation }
    },
    run: async (record, { agent, conversation }) => await record(agent.org_id, conversation),
    check: async (answers) => {
      const ids = answers.map(({ output }) => output.sessionId)
      const { rows } = await admin.query<StoredSession>(storedSessions, [ids])
      const stored = new Map(rows.map((row) => [row.id, row]))
      for (const { input, output } of answers) {
        assertAgent(output.agent, input.agent)
        assertConversation(output, input.conversation, requireRow(stored.get(output.sessionId)))
      }
    },
    clean: async () => {
      await admin.query('delete from ibex_core.sessions')
      await admin.query('vacuum ibex_core.sessions, ibex_core.messages')
    },
  })
}

interface StoredSession {
  readonly id: string
  readonly agent_id: string
  readonly title: string | null
  readonly status: string
  readonly messages: readonly (readonly [number, string, string])[]
}

const storedSessions = `
  select id, agent_id, title, status,
         (select json_agg(json_build_array(seq, role, content) order by seq) from ibex_core.messages as message
           where message.org_id = session.org_id and message.session_id = session.id) as messages
    from ibex_core.sessions as session where id = any($1::uuid[])`

function assertConversation(
  recorded: RecordedConversation,
  { agentId, question, answer, title }: NewConversation,
  { agent_id: storedAgent, messages, ...session }: StoredSession,
): void {
  assertSame(recorded.seqs, [1, 2], 'the numbers of the messages')
  assertSame(
    { title: recorded.title, status: recorded.status },
    { title, status: 'completed' },
    'the session',
  )
  assertSame(session, { id: recorded.sessionId, title, status: 'completed' }, 'the stored session')
  assertSame(storedAgent, agentId, 'the agent of the stored session')
  const wanted = [
    [1, 'user', question],
    [2, 'assistant', answer],
  ]
  assertSame(messages, wanted, 'the stored messages')
}

function insertMany(world: World, key: OperationKey, count: number): Operation {
  const { admin, bulk } = world
  return define({
    key,
    method: 'addMemories',
    isBulk: true,
    next: () => bulkMemories(bulk, count),
    run: async (addMemories, memories) => await addMemories(bulk.orgId, memories),
    check: async (answers) => {
      for (const { input, output } of answers) {
        assertSame(output, input.length, 'the number that was answered')
        const { rows } = await admin.query<StoredMemory>(storedMemories, [bulk.orgId])
        assertSame(rows.length, input.length, 'memories stored')
        assertMemories(rows, input)
      }
    },
    clean: async () => await emptyBulkTenant(admin, bulk),
  })
}

interface StoredMemory {
  readonly agent_id: string
  readonly content: string
  readonly content_hash: string
  readonly category: string
  /** Only of every hundredth. */
  readonly embedding: string | null
}

const storedMemories = `
  select agent_id, content, content_hash, category,
         case when row_number() over (order by content) % 100 = 1 then embedding::text end as embedding
    from ibex_core.memories where org_id = $1`

function assertMemories(rows: readonly StoredMemory[], wanted: readonly NewMemory[]): void {
  const given = new Map(wanted.map((memory) => [memory.content, memory]))
  for (const { embedding, ...row } of rows) {
    const { embedding: vector, ...rest } = requireRow(given.get(row.content))
    assertSame(row, rest, 'a stored memory')
    // PostgreSQL prints the shortest number that is the same as a float of four bytes
    if (embedding !== null) {
      const numbers = Float32Array.from(JSON.parse(embedding) as number[])
      assertSame(numbers, Float32Array.from(vector), 'a stored vector')
    }
  }
}

function findNearest({ vectorQuestions, owners }: World): Operation {
  const next = takeTurns(vectorQuestions)
  return define({
    key: 'nearest',
    method: 'nearestMemories',
    next,
    run: async (nearest, { orgId, embedding }) => await nearest(orgId, embedding, searchLimit),
    check: async (answers) => {
      let found = 0
      for (const { input, output } of answers) {
        assertSame(new Set(output.map(({ id }) => id)).size, searchLimit, 'memories found')
        const isOwn = output.every(({ id }) => owners.get(id) === input.orgId)
        assertSame(isOwn, true, 'whether all memories are of the tenant')
        found += output.filter(({ id }) => input.ids.has(id)).length
      }
      return await Promise.resolve(found / (answers.length * searchLimit))
    },
  })
}

function findText({ textQuestions }: World): Operation {
  const next = takeTurns(textQuestions)
  return define({
    key: 'text',
    method: 'memoriesByText',
    next,
    run: async (byText, { orgId, text }) => await byText(orgId, text, searchLimit),
    check: async (answers) => {
      for (const { input, output } of answers) {
        const found = output.map(({ id }) => id).toSorted()
        assertSame(found, [...input.ids].toSorted(), 'the ids found')
      }
      await Promise.resolve()
    },
  })
}
