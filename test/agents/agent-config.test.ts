/** The JSON columns of agents: what is written has its shape, whatever writes it. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type {
  AgentBoundaries,
  AgentConfigPatch,
  AgentMemoryConfig,
  AgentModelConfig,
  AgentPersonality,
} from '../../src/agents/agent-config.ts'
import { checkAgentConfig } from '../../src/agents/check-agent-config.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import type { Agent, AgentPatch } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

const model: AgentModelConfig = {
  model_name: 'm-1',
  temperature: 1.5,
  max_output_tokens: 1,
  top_p: 0.9,
  provider: 'p',
  stop: ['\n\n', 'END'],
}
const memory: AgentMemoryConfig = {
  token_budget: 0,
  auto_extract: false,
  auto_pin_preferences: false,
  summarize_interval: 1,
  retrieval_weights: { relevance: 1, recency: 0, usefulness: 0, confidence: 0, frequency: 0 },
}
const limits: AgentBoundaries = {
  max_autonomy: 'confirm',
  max_tool_calls_per_turn: 0,
  can_do: ['read files'],
  cannot_do: [],
  escalates_when: ['money is spent'],
  allowed_domains: ['example.com'],
}
const character: AgentPersonality = {
  tone: 'dry',
  verbosity: 'terse',
  traits: { 'plain spoken': 1, curious: 0 },
  always_rules: ['say "please"'],
  never_rules: ['lie 🦌'],
  voice_examples: [{ user: 'Hi', agent: 'Good day.' }],
  custom_instructions: '',
}
const config = { model_config: model, memory_config: memory, boundaries: limits, personality: character }

let tenants: TwoTenants
let foreign: Agent
let ada: Agent
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await insertAgent(tenants.admin, { org_id: tenants.theirs.orgId })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.agents')
})

beforeEach(async () => {
  ada = await tenants.mine.agents.insert({ name: 'Ada', slug: 'ada' })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom('ibex_core.agents').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.agents.exists({ id: foreign.id }, { includeDeleted: true })).toBe(false)
}

test('takes what the database gives by default', () => {
  expect(checkAgentConfig(ada)).toEqual(ada)
  expect(ada).toMatchObject({
    model_config: { max_output_tokens: 4096 },
    memory_config: { retrieval_weights: { relevance: 0.4 } },
    boundaries: { max_autonomy: 'execute' },
    personality: {},
  })
})

test('writes and reads every key, by each way of writing', async () => {
  const { agents } = tenants.mine
  const written = [
    await agents.insert({ name: 'One', slug: 'one', ...config }),
    ...(await agents.insertMany([{ name: 'Two', slug: 'two', ...config }])),
    await agents.upsert({ name: 'Ada', slug: 'ada', ...config }, { conflict: ['slug'] }),
    await agents.update(ada.id, config),
    await agents.configure(ada.id, config),
  ]
  for (const agent of written) expect(agent).toMatchObject(config)
  expect(await agents.find({ orderBy: { slug: 'asc' } })).toHaveLength(3)
})

test('writes what was checked, whatever becomes of the object meanwhile', async () => {
  const stop = ['END']
  const written = tenants.mine.agents.update(ada.id, { model_config: { ...model, stop } })
  stop.push('later')
  expect(await written).toMatchObject({ model_config: { stop: ['END'] } })
})

const weights = memory.retrieval_weights
const text = 'must be a text'
const bad: [string, Record<string, unknown>, string, string][] = [
  ['no object', { model_config: 'm-1' }, 'model_config', 'must be an object'],
  ['null', { memory_config: null }, 'memory_config', 'must be an object'],
  ['an array', { personality: [] }, 'personality', 'must be an object'],
  ['a Map', { personality: new Map([['tone', 'dry']]) }, 'personality', 'must be an object'],
  [
    'a key too few',
    { boundaries: { max_autonomy: 'execute' } },
    'boundaries.max_tool_calls_per_turn',
    'is missing',
  ],
  [
    'a misspelt key',
    { model_config: { ...model, temprature: 1 } },
    'model_config.temprature',
    'does not exist: known are model_name, temperature, max_output_tokens, top_p, provider, stop',
  ],
  [
    'a key that every object has',
    { personality: JSON.parse('{"__proto__": {"tone": "dry"}}') as object },
    'personality.__proto__',
    'does not exist: known are tone, verbosity, traits, always_rules, never_rules, voice_examples, custom_instructions',
  ],
  [
    'a blank name',
    { model_config: { ...model, model_name: ' ' } },
    'model_config.model_name',
    'must be a text that is not blank',
  ],
  ['a number for a text', { model_config: { ...model, provider: 7 } }, 'model_config.provider', text],
  [
    'a text for a number',
    { model_config: { ...model, temperature: '1' } },
    'model_config.temperature',
    'must be a number of 0 to 2',
  ],
  [
    'a number too low',
    { model_config: { ...model, temperature: -0.1 } },
    'model_config.temperature',
    'must be a number of 0 to 2',
  ],
  [
    'a number too high',
    { model_config: { ...model, temperature: 2.1 } },
    'model_config.temperature',
    'must be a number of 0 to 2',
  ],
  [
    'NaN',
    { model_config: { ...model, top_p: Number.NaN } },
    'model_config.top_p',
    'must be a number of 0 to 1',
  ],
  [
    'no tokens',
    { model_config: { ...model, max_output_tokens: 0 } },
    'model_config.max_output_tokens',
    'must be a whole number of at least 1',
  ],
  [
    'half a token',
    { memory_config: { ...memory, token_budget: 0.5 } },
    'memory_config.token_budget',
    'must be a whole number of at least 0',
  ],
  [
    'infinitely many tokens',
    { memory_config: { ...memory, token_budget: Number.POSITIVE_INFINITY } },
    'memory_config.token_budget',
    'must be a whole number of at least 0',
  ],
  [
    'an empty stop',
    { model_config: { ...model, stop: ['END', ''] } },
    'model_config.stop.1',
    'must be a text that is not empty',
  ],
  [
    'a text for a flag',
    { memory_config: { ...memory, auto_extract: 'no' } },
    'memory_config.auto_extract',
    'must be true or false',
  ],
  [
    'a weight above 1',
    { memory_config: { ...memory, retrieval_weights: { ...weights, recency: 1.5 } } },
    'memory_config.retrieval_weights.recency',
    'must be a number of 0 to 1',
  ],
  [
    'a weight too few',
    { memory_config: { ...memory, retrieval_weights: { relevance: 1 } } },
    'memory_config.retrieval_weights.recency',
    'is missing',
  ],
  [
    'weights that are all 0',
    { memory_config: { ...memory, retrieval_weights: { ...weights, relevance: 0 } } },
    'memory_config.retrieval_weights',
    'must not all be 0: every memory would score the same',
  ],
  [
    'an unknown autonomy',
    { boundaries: { ...limits, max_autonomy: 'rule' } },
    'boundaries.max_autonomy',
    'must be one of observe, suggest, confirm, execute',
  ],
  [
    'a text for a list',
    { boundaries: { ...limits, can_do: 'all' } },
    'boundaries.can_do',
    'must be a list of texts',
  ],
  ['null in a list', { boundaries: { ...limits, can_do: ['a', null] } }, 'boundaries.can_do.1', text],
  [
    'a trait above 1',
    { personality: { traits: { curious: 2 } } },
    'personality.traits.curious',
    'must be a number of 0 to 1',
  ],
  ['traits as a list', { personality: { traits: [1] } }, 'personality.traits', 'must be an object'],
  [
    'a trait that would be lost',
    { personality: { traits: { constructor: 1 } } },
    'personality.traits',
    'must not be called __proto__, constructor or prototype',
  ],
  [
    'half an example',
    { personality: { voice_examples: [{ user: 'Hi', agent: 'Hello' }, { user: 'Hi' }] } },
    'personality.voice_examples.1.agent',
    'is missing',
  ],
  [
    'a NUL',
    { personality: { custom_instructions: 'a\0b' } },
    'personality.custom_instructions',
    'holds a NUL character, which PostgreSQL cannot store',
  ],
  [
    'half a character',
    { personality: { tone: '\ud83e' } },
    'personality.tone',
    'is no well-formed text: it holds half a character',
  ],
]

describe('refuses before any SQL', () => {
  test.each(bad)('%s, and names the path alone', async (_, columns, argument, expectation) => {
    const row = { name: 'Bob', slug: 'bob', ...columns }
    const { agents } = tenants.mine
    for (const write of [
      async () => await agents.insert(row),
      async () => await agents.insertMany([{ name: 'Cyd', slug: 'cyd' }, row]),
      async () => await agents.upsert({ ...row, slug: 'ada' }, { conflict: ['slug'] }),
      async () => await agents.update(ada.id, columns),
    ]) {
      const error = await refusal(tenants, write)
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error).toMatchObject({ argument, message: `${argument} ${expectation}` })
    }
    expect(await agents.find()).toEqual([ada])
  })

  const inPart = bad.filter(([name]) => name !== 'a key too few')
  test.each(inPart)('%s, when some keys are changed', async (_, columns, argument, expectation) => {
    const configure = async (): Promise<unknown> => await tenants.mine.agents.configure(ada.id, columns)
    expect(await refusal(tenants, configure)).toMatchObject({
      argument,
      message: `${argument} ${expectation}`,
    })
    expect(await tenants.mine.agents.find()).toEqual([ada])
  })

  test.each<[string, unknown, unknown]>([
    ['a column without a shape', undefined, { config: {} }],
    ['no patch', undefined, null],
    ['an id that is no uuid', 'ada', { personality: { tone: 'dry' } }],
  ])('to configure with %s', async (_, id, patch) => {
    const configure = async (): Promise<unknown> =>
      await tenants.mine.agents.configure((id ?? ada.id) as string, patch as AgentConfigPatch)
    expect(await refusal(tenants, configure)).toBeInstanceOf(InvalidArgumentError)
  })

  test.each([[[]], [null], ['row']])('%j instead of a row, as every repository does', async (row) => {
    const { agents } = tenants.mine
    for (const write of [
      async () => await agents.insert(row as unknown as Agent),
      async () => await agents.update(ada.id, row as unknown as AgentPatch),
    ]) {
      expect((await refusal(tenants, write)).message).toMatch(/^row for "ibex_core.agents" must be an object/)
    }
  })
})

test('configures the keys that are named and keeps the others', async () => {
  const { agents } = tenants.mine
  await agents.update(ada.id, { personality: { tone: 'dry', traits: { curious: 1 } } })
  const configured = await agents.configure(ada.id, {
    model_config: { temperature: 0.2, top_p: 0.5 },
    memory_config: { retrieval_weights: weights },
    personality: { verbosity: 'terse', traits: { patient: 0.5 } },
  })
  expect(configured).toEqual({
    ...ada,
    model_config: { ...ada.model_config, temperature: 0.2, top_p: 0.5 },
    memory_config: { ...ada.memory_config, retrieval_weights: weights },
    personality: { tone: 'dry', verbosity: 'terse', traits: { patient: 0.5 } },
    updated_at: configured?.updated_at,
  })
  expect(await agents.findById(ada.id)).toEqual(configured)
})

test.each<[string, AgentConfigPatch]>([
  ['nothing', {}],
  ['nothing of a column', { model_config: {}, boundaries: undefined }],
  ['what is undefined', { model_config: { temperature: undefined } }],
])('reads and writes nothing when it is to configure %s', async (_, patch) => {
  const before = tenants.statements.length
  expect(await tenants.mine.agents.configure(ada.id, patch)).toEqual(ada)
  expect(tenants.statements.slice(before)).toEqual([expect.stringMatching(/^select /)])
})

test('configures nothing of another tenant, nothing deleted, nothing unknown', async () => {
  const { agents } = tenants.mine
  await agents.softDelete(ada.id)
  for (const id of [foreign.id, ada.id, randomUUID()]) {
    expect(await agents.configure(id, { personality: { tone: 'dry' } })).toBeUndefined()
    expect(await agents.configure(id, {})).toBeUndefined()
  }
})

test(
  'keeps what others configure at the same moment',
  skipOnEmbedded('one connection: nothing happens at the same moment'),
  async () => {
    const { agents } = tenants.mine
    const patches: AgentPersonality[] = [
      ...Object.entries(character).map(([key, value]) => ({ [key]: value as unknown })),
      ...Array.from({ length: 20 }, () => ({ tone: 'dry' })),
    ]
    await Promise.all(
      patches.map(async (personality) => await agents.configure(ada.id, { personality, boundaries: limits })),
    )
    expect(await agents.findById(ada.id)).toMatchObject({ personality: character, boundaries: limits })
  },
)

test('refuses no shape that plain SQL wrote, and reads it as it is', async () => {
  await sql`update ibex_core.agents set personality = '{"old": true}' where id = ${ada.id}`.execute(
    tenants.admin,
  )
  const { agents } = tenants.mine
  expect(await agents.update(ada.id, { tagline: 'quick' })).toMatchObject({ personality: { old: true } })
  expect(await agents.configure(ada.id, { personality: { tone: 'dry' } })).toMatchObject({
    personality: { old: true, tone: 'dry' },
  })
})
