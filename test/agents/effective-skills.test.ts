import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, RowNotFoundError } from '../../src/errors.ts'
import { insertAgent, insertTeam } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

async function skillsOf(shared: string[], custom: string[], disabled: string[]): Promise<string[]> {
  const agent = await insertAgent(tenants.admin, {
    org_id: tenants.mine.orgId,
    shared_skill_names: shared,
    custom_skill_names: custom,
    disabled_skill_names: disabled,
  })
  return await tenants.mine.agents.effectiveSkills(agent.id)
}

test('reads shared and custom skills once each, without those that are disabled', async () => {
  expect(await skillsOf(['search', 'mail'], ['mail', 'draw'], [])).toEqual(['draw', 'mail', 'search'])
  expect(await skillsOf(['search', 'mail'], ['draw'], ['mail', 'draw', 'fly'])).toEqual(['search'])
})

test("adds the skills of the agent's team, unless the team was deleted", async () => {
  const { admin, mine } = tenants
  const team = await insertTeam(admin, { org_id: mine.orgId, shared_skill_names: ['mail', 'plan'] })
  const { id } = await insertAgent(admin, {
    org_id: mine.orgId,
    team_id: team.id,
    custom_skill_names: ['draw'],
    disabled_skill_names: ['mail'],
  })
  expect(await mine.agents.effectiveSkills(id)).toEqual(['draw', 'plan'])
  await mine.teams.softDelete(team.id)
  expect(await mine.agents.effectiveSkills(id)).toEqual(['draw'])
})

test('reads no skills when there are none, or all are disabled', async () => {
  expect(await skillsOf([], [], [])).toEqual([])
  expect(await skillsOf([], [], ['mail'])).toEqual([])
  expect(await skillsOf(['mail'], ['mail'], ['mail'])).toEqual([])
})

test('takes names as they are written, and orders them alike on every server', async () => {
  expect(await skillsOf(['mail', 'Mail', 'émail', ' mail', 'mail-2'], [], ['MAIL'])).toEqual([
    ' mail',
    'Mail',
    'mail',
    'mail-2',
    'émail',
  ])
})

test('says the same of an agent of another tenant, a deleted one and an unknown one', async () => {
  const { admin, mine, theirs } = tenants
  const foreign = await insertAgent(admin, { org_id: theirs.orgId, shared_skill_names: ['secret'] })
  const deleted = await insertAgent(admin, { org_id: mine.orgId, deleted_at: new Date() })
  for (const id of [foreign.id, deleted.id, randomUUID()]) {
    const error = await failure(async () => await mine.agents.effectiveSkills(id))
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(error).toMatchObject({ table: 'ibex_core.agents' })
  }
  expect(await theirs.agents.effectiveSkills(foreign.id)).toEqual(['secret'])
})

test('throws before any SQL when the id is no uuid', async () => {
  const read = async (): Promise<unknown> => await tenants.mine.agents.effectiveSkills('ada')
  expect(await refusal(tenants, read)).toBeInstanceOf(InvalidArgumentError)
})
