/** What PostgreSQL does for related rows, as the role of a tenant: it looks each parent's children up in an index. */
import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RelatedBuilder } from '../../src/repository/row-types.ts'
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Actual Loops': number
  readonly Plans?: readonly PlanNode[]
}

let tenants: TwoTenants
let agentId: string

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  // nobody searches here, and it would take most of the time
  await sql`drop index ibex_core.memories_embedding_idx`.execute(admin)
  for (const { orgId } of [mine, theirs]) {
    const org = { org_id: orgId }
    const user = await insertUser(admin, org)
    const agent = await insertAgent(admin, { ...org, created_by: user.id })
    await insertMany(orgId, agent.id)
    if (orgId === mine.orgId) agentId = agent.id
  }
  await sql`analyze`.execute(admin)
}, 120_000)

afterAll(async () => {
  await tenants.close()
})

/** 300 sessions of 5 turns and 2 memories each. */
async function insertMany(orgId: string, agent: string): Promise<void> {
  const { admin } = tenants
  await sql`insert into ibex_core.agents (org_id, name, slug) select ${orgId}, n::text, n::text
    from generate_series(1, 300) n`.execute(admin)
  await sql`insert into ibex_core.sessions (org_id, agent_id, created_at)
    select ${orgId}, ${agent}, now() - n * interval '1 minute' from generate_series(1, 300) n`.execute(admin)
  await sql`insert into ibex_core.checkpoints (org_id, session_id, agent_id, turn_index)
    select org_id, id, agent_id, n from ibex_core.sessions, generate_series(0, 4) n where org_id = ${orgId}`.execute(
    admin,
  )
  await sql`insert into ibex_core.memories (org_id, session_id, content, content_hash, embedding, category)
    select org_id, id, n || id::text, encode(sha256((n || id::text)::bytea), 'hex'),
      array_fill(0.1::real, array[384])::public.vector, 'factual'
    from ibex_core.sessions, generate_series(1, 2) n where org_id = ${orgId}`.execute(admin)
  await sql`update ibex_core.memories m set status = 'superseded', superseded_by =
      (select id from ibex_core.memories o where o.org_id = m.org_id and o.session_id = m.session_id and o.content like '2%')
    where org_id = ${orgId} and content like '1%'`.execute(admin)
}

type Related = (builder: RelatedBuilder<DB, 'ibex_core.sessions'>) => object

/** The plan of a read of 20 sessions with related rows, run as the role of a tenant. */
async function planOf(related: Related): Promise<PlanNode> {
  const { mine, statements } = tenants
  await mine.sessions.find({
    where: { agent_id: agentId },
    orderBy: { created_at: 'desc' },
    limit: 20,
    // the names of the relations do not matter here
    related: related as () => Record<string, never>,
  })
  const statement = statements.at(-1) ?? ''
  const parameters = Array.from(statement.matchAll(/(\S+ =|limit) \$\d+/g), ([, before = '']) => {
    if (before === 'limit') return 20
    return before.includes('agent_id') ? agentId : mine.orgId
  })
  const { rows } = await mine.db.executeQuery<{ 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }>(
    CompiledQuery.raw(`explain (analyze, format json) ${statement}`, parameters),
  )
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  if (plan === undefined) throw new Error('there is no plan')
  return plan
}

/** What reads this table, or its partition. */
function scansOf(plan: PlanNode, table: string): readonly PlanNode[] {
  const below = (plan.Plans ?? []).flatMap((child) => scansOf(child, table))
  return plan['Relation Name']?.startsWith(table) === true ? [plan, ...below] : below
}

const cases: readonly (readonly [string, string, RegExp, Related])[] = [
  [
    'the latest children',
    'checkpoints',
    /org_id = .*session_id = /,
    ({ many }) => ({
      latest: many(tables['ibex_core.checkpoints'], 'session_id', {
        orderBy: { turn_index: 'desc' },
        limit: 20,
      }),
    }),
  ],
  [
    'children in partitions',
    'memories',
    /org_id = .*session_id = /,
    ({ many }) => ({
      memories: many(tables['ibex_core.memories'], 'session_id', { columns: ['id', 'content'] }),
    }),
  ],
  [
    'the row that is named',
    'agents',
    /org_id = .*id = /,
    ({ one }) => ({ agent: one(tables['ibex_core.agents'], 'agent_id') }),
  ],
  [
    'children of children',
    'memories',
    /org_id = .*(session_id|superseded_by) = /,
    ({ many }) => ({
      memories: many(tables['ibex_core.memories'], 'session_id', {
        columns: ['id'],
        related: ({ many }) => ({
          older: many(tables['ibex_core.memories'], 'superseded_by', { columns: ['id'] }),
        }),
      }),
    }),
  ],
]

test.each(cases)(
  'looks %s up in an index that begins with the tenant',
  async (_, table, condition, related) => {
    const plan = await planOf(related)
    const scans = scansOf(plan, table)
    expect(scans).not.toEqual([])
    for (const scan of scans) {
      const { 'Node Type': type, 'Index Cond': indexCondition } = scan.Plans?.[0] ?? scan
      expect({ type, indexCondition }).toEqual({
        type: expect.stringContaining('Index'),
        indexCondition: expect.stringMatching(condition),
      })
    }
  },
)

test('reads the children of the rows within the limit only', async () => {
  const plan = await planOf(({ many }) => ({
    turns: many(tables['ibex_core.checkpoints'], 'session_id'),
    created: many(tables['ibex_core.agents'], 'created_by'),
  }))
  const loops = ['checkpoints', 'agents'].flatMap((table) =>
    scansOf(plan, table).map((scan) => scan['Actual Loops']),
  )
  expect(loops).toEqual([20, 20])
})

test('reads one partition of a partitioned table', async () => {
  const plan = await planOf(({ many }) => ({ memories: many(tables['ibex_core.memories'], 'session_id') }))
  expect(scansOf(plan, 'memories')).toHaveLength(1)
})
