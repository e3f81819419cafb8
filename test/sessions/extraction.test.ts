import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertProject, insertSession } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { upTo } from './samples.ts'

let tenants: TwoTenants
let agent: Agent
let foreign: Session
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  agent = await insertAgent(admin, { org_id: mine.orgId })
  foreign = await insertSession(admin, { org_id: theirs.orgId, ...completed(1), turn_count: 3 })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.sessions')
})

afterEach(async () => {
  const { admin, mine } = tenants
  await theirsUnchanged()
  await admin.deleteFrom('ibex_core.sessions').where('org_id', '=', mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function completed(hour: number) {
  return { status: 'completed', completed_at: new Date(Date.UTC(2026, 0, 1, hour)) } as const
}

async function insert(values: Partial<Session>): Promise<Session> {
  const row = { org_id: tenants.mine.orgId, agent_id: agent.id, ...values }
  return await insertSession(tenants.admin, row)
}

test('starts a session of a project', async () => {
  const { admin, mine } = tenants
  const project = await insertProject(admin, { org_id: mine.orgId })
  const session = await mine.sessions.start({ agentId: agent.id, projectId: project.id })
  expect(session.project_id).toBe(project.id)
  await mine.projects.delete(project.id)
  expect(await mine.sessions.findById(session.id)).toMatchObject({ project_id: null })
})

test('gives the completed sessions with turns to extract from, longest completed first', async () => {
  const { sessions } = tenants.mine
  const late = await insert({ ...completed(9), turn_count: 2, last_extracted_turn: 1 })
  const early = await insert({ ...completed(3), turn_count: 5 })
  await insert({ ...completed(1), turn_count: 5, last_extracted_turn: 5 })
  await insert({ ...completed(1), turn_count: 0 })
  await insert({ ...completed(1), turn_count: 5, deleted_at: new Date() })
  await insert({ status: 'active', turn_count: 5 })
  expect(await sessions.forExtraction()).toEqual([early, late])
  expect(await sessions.forExtraction({ limit: 1 })).toEqual([early])
})

test('marks turns as extracted: never backwards, never beyond the last', async () => {
  const { sessions } = tenants.mine
  const { id } = await insert({ ...completed(1), turn_count: 5 })
  const mark = async (turn: number): Promise<number | undefined> =>
    (await sessions.markExtracted(id, turn))?.last_extracted_turn
  expect([await mark(3), await mark(2), await mark(3), await mark(0)]).toEqual([3, 3, 3, 3])
  expect(await sessions.forExtraction()).toMatchObject([{ id, last_extracted_turn: 3 }])
  expect(await mark(9)).toBe(5)
  expect(await sessions.forExtraction()).toEqual([])
})

test('marks nothing of another tenant, nothing soft-deleted, nothing unknown', async () => {
  const { sessions } = tenants.mine
  const { id } = await insert({ ...completed(1), turn_count: 5, deleted_at: new Date() })
  for (const each of [foreign.id, id, randomUUID()])
    expect(await sessions.markExtracted(each, 1)).toBeUndefined()
  expect(await sessions.findById(id, { includeDeleted: true })).toMatchObject({ last_extracted_turn: 0 })
})

test(
  'keeps the highest of marks that come at once, in any order',
  skipOnEmbedded('one connection: they take turns'),
  async () => {
    const { sessions } = tenants.mine
    const { id } = await insert({ ...completed(1), turn_count: 50 })
    await Promise.all(upTo(50).map(async (turn) => await sessions.markExtracted(id, ((turn * 37) % 50) + 1)))
    expect(await sessions.findById(id)).toMatchObject({ last_extracted_turn: 50 })
  },
)
