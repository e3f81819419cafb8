/** Votes on memories, and what they say of how useful one is. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CheckViolationError, InvalidArgumentError, RowNotFoundError } from '../../src/errors.ts'
import type { VoteInput, Voter } from '../../src/memory/memory-votes.ts'
import type { MemoryUsage } from '../../types/database.d.ts'
import { insertAgent, insertMemory, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
/** The same ids are the other tenant's memory, user and agent. */
let memoryId: string
let ana: Voter
let guide: Voter
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 20 })
  const { admin, mine, theirs } = tenants
  memoryId = (await insertMemory(admin, { org_id: mine.orgId })).id
  ana = { type: 'user', id: (await insertUser(admin, { org_id: mine.orgId })).id }
  guide = { type: 'agent', id: (await insertAgent(admin, { org_id: mine.orgId })).id }
  await insertMemory(admin, { org_id: theirs.orgId, id: memoryId })
  await insertUser(admin, { org_id: theirs.orgId, id: ana.id })
  await insertAgent(admin, { org_id: theirs.orgId, id: guide.id })
  await theirs.memories.vote({ memoryId, voter: ana, vote: 'negative', comment: 'theirs' })
  theirsUnchanged = await watchTheirs(
    tenants,
    ...['memories', 'memory_usage', 'memory_votes'].map((name) => `ibex_core.${name}`),
  )
})

afterAll(async () => {
  await theirsUnchanged()
  await tenants.close()
})

async function insertMine(): Promise<string> {
  return (await insertMemory(tenants.admin, { org_id: tenants.mine.orgId })).id
}

async function newVoter(): Promise<Voter> {
  return { type: 'user', id: (await insertUser(tenants.admin, { org_id: tenants.mine.orgId })).id }
}

/** What the votes on a memory add up to: positive, negative, usefulness. */
async function standing(id: string): Promise<unknown> {
  const usage: MemoryUsage | undefined = await tenants.mine.memoryUsage.findById({ memory_id: id })
  return usage && [usage.positive_votes, usage.negative_votes, usage.usefulness_score]
}

/** Where a row is stored, and which transaction has written it. */
async function placeOf(id: string): Promise<unknown> {
  const { rows } = await sql`select tableoid, ctid::text, xmin::text from ibex_core.memories
    where org_id = ${tenants.mine.orgId} and id = ${id}`.execute(tenants.admin)
  return rows
}

test('counts one vote of each user and agent, which can be changed and taken back', async () => {
  const { memories, memoryVotes } = tenants.mine
  const before = await placeOf(memoryId)
  const cast = await memories.vote({ memoryId, voter: ana, vote: 'positive', comment: 'Just right.' })
  expect(cast).toMatchObject({ user_id: ana.id, agent_id: null, vote: 'positive', comment: 'Just right.' })
  expect(await standing(memoryId)).toEqual([1, 0, expect.closeTo(2 / 3)])
  const other = await memories.vote({ memoryId, voter: guide, vote: 'positive' })
  expect(other).toMatchObject({ user_id: null, agent_id: guide.id, comment: null })
  expect(await standing(memoryId)).toEqual([2, 0, 0.75])

  const changed = await memories.vote({ memoryId, voter: ana, vote: 'negative' })
  expect(changed).toMatchObject({ id: cast.id, vote: 'negative', comment: null })
  expect(await standing(memoryId)).toEqual([1, 1, 0.5])
  // nothing of the other tenant's, whose ids are the same
  expect((await memoryVotes.find()).map(({ id }) => id).toSorted()).toEqual([cast.id, other.id].toSorted())

  expect(await memories.withdrawVote(memoryId, ana)).toBe(true)
  expect(await memories.withdrawVote(memoryId, ana)).toBe(false)
  expect(await standing(memoryId)).toEqual([1, 0, expect.closeTo(2 / 3)])
  expect(await memories.withdrawVote(memoryId, guide)).toBe(true)
  expect(await standing(memoryId)).toEqual([0, 0, 0.5])
  expect(await placeOf(memoryId)).toEqual(before)
  await theirsUnchanged()
})

test('leaves the other counters of a memory as they are', async () => {
  const { memories, memoryUsage } = tenants.mine
  const id = await insertMine()
  const used = { retrieval_count: 7, injection_count: 3, last_retrieved_at: new Date() }
  await memoryUsage.insert({ memory_id: id, ...used })
  await memories.vote({ memoryId: id, voter: ana, vote: 'positive' })
  expect(await memoryUsage.findById({ memory_id: id })).toMatchObject({ ...used, positive_votes: 1 })
})

test('counts what plain Kysely does, many rows at once too', async () => {
  const { db, orgId } = tenants.mine
  const [first, second] = [await insertMine(), await insertMine()]
  const voters = [await newVoter(), await newVoter(), await newVoter()]
  const votes = voters.flatMap(({ id: user_id }) =>
    [first, second].map((memory_id) => ({ org_id: orgId, memory_id, user_id, vote: 'positive' as const })),
  )
  await db.insertInto('ibex_core.memory_votes').values(votes).execute()
  expect([await standing(first), await standing(second)]).toEqual([
    [3, 0, expect.closeTo(0.8)],
    [3, 0, expect.closeTo(0.8)],
  ])
  await db
    .updateTable('ibex_core.memory_votes')
    .set({ vote: 'negative' })
    .where('memory_id', '=', first)
    .execute()
  expect(await standing(first)).toEqual([0, 3, expect.closeTo(0.2)])
  const [mover] = await tenants.mine.memoryVotes.find({ where: { memory_id: first }, limit: 1 })
  await db.deleteFrom('ibex_core.memory_votes').where('memory_id', '=', second).execute()
  expect(await standing(second)).toEqual([0, 0, 0.5])
  await tenants.mine.memoryVotes.update(mover?.id ?? '', { memory_id: second })
  expect([await standing(first), await standing(second)]).toEqual([
    [0, 2, 0.25],
    [0, 1, expect.closeTo(1 / 3)],
  ])
  await theirsUnchanged()
})

test('counts right again what was lost or written by hand', async () => {
  const { memories, memoryUsage } = tenants.mine
  const id = await insertMine()
  await memories.vote({ memoryId: id, voter: ana, vote: 'positive' })
  await memoryUsage.delete({ memory_id: id })
  await memories.vote({ memoryId: id, voter: guide, vote: 'positive' })
  expect(await standing(id)).toEqual([2, 0, 0.75])
  await memoryUsage.update({ memory_id: id }, { positive_votes: 99, usefulness_score: 1 })
  await memories.withdrawVote(id, guide)
  expect(await standing(id)).toEqual([1, 0, expect.closeTo(2 / 3)])
})

test('takes the votes of a deleted user or agent away, and all votes with their memory', async () => {
  const { agents, memories, memoryUsage, memoryVotes, users } = tenants.mine
  const id = await insertMine()
  const user = await newVoter()
  const agent = (await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })).id
  await memories.vote({ memoryId: id, voter: user, vote: 'positive' })
  await memories.vote({ memoryId: id, voter: { type: 'agent', id: agent }, vote: 'positive' })
  await memories.vote({ memoryId: id, voter: ana, vote: 'negative' })
  await users.delete(user.id)
  expect(await standing(id)).toEqual([1, 1, 0.5])
  await agents.delete(agent)
  expect(await standing(id)).toEqual([0, 1, expect.closeTo(1 / 3)])
  expect(await memories.delete(id)).toBe(true)
  expect(await memoryVotes.find({ where: { memory_id: id } })).toEqual([])
  expect(await memoryUsage.findById({ memory_id: id })).toBeUndefined()
  await theirsUnchanged()
})

describe('at the same time', skipOnEmbedded('it has one session'), () => {
  test('counts each of 50 voters, some of whom change their mind', async () => {
    const { memories, memoryVotes } = tenants.mine
    const id = await insertMine()
    const voters = await Promise.all(Array.from({ length: 50 }, newVoter))
    await Promise.all(
      voters.map(async (voter, index) => {
        await memories.vote({ memoryId: id, voter, vote: index % 5 === 0 ? 'negative' : 'positive' })
        if (index % 10 === 0) await memories.vote({ memoryId: id, voter, vote: 'positive' })
        if (index % 10 === 9) await memories.withdrawVote(id, voter)
      }),
    )
    expect(await memoryVotes.count({ memory_id: id })).toBe(45)
    expect(await standing(id)).toEqual([40, 5, expect.closeTo(41 / 47)])
  })

  test('counts one vote of a voter who votes 50 times', async () => {
    const { memories, memoryVotes } = tenants.mine
    const id = await insertMine()
    const cast = await Promise.all(
      Array.from(
        { length: 50 },
        async (_, index) =>
          await memories.vote({ memoryId: id, voter: ana, vote: index % 2 === 0 ? 'positive' : 'negative' }),
      ),
    )
    expect(new Set(cast.map(({ id: voteId }) => voteId)).size).toBe(1)
    const [left] = await memoryVotes.find({ where: { memory_id: id } })
    expect(await memoryVotes.count({ memory_id: id })).toBe(1)
    const [positive, negative] = left?.vote === 'positive' ? [1, 0] : [0, 1]
    expect(await standing(id)).toEqual([positive, negative, expect.closeTo((positive + 1) / 3)])
  })

  test('neither waits for ever nor miscounts beside those who use, change and delete the memory', async () => {
    const { db, memories, memoryUsage, memoryVotes, orgId } = tenants.mine
    const [kept, gone] = [await insertMine(), await insertMine()]
    const voters = await Promise.all(Array.from({ length: 20 }, newVoter))
    const voted = await Promise.allSettled([
      ...voters.flatMap((voter) => [
        memories.vote({ memoryId: kept, voter, vote: 'positive' }),
        memories.vote({ memoryId: gone, voter, vote: 'positive' }),
      ]),
      ...voters.map(
        async (_, index) =>
          await memories.update(kept, { metadata: { index }, importance: 1 + (index % 10) }),
      ),
      ...voters.map(
        async () =>
          await sql`insert into ibex_core.memory_usage (org_id, memory_id, retrieval_count) values (${orgId}, ${kept}, 1)
            on conflict (org_id, memory_id) do update set retrieval_count = memory_usage.retrieval_count + 1`.execute(
            db,
          ),
      ),
      memories.delete(gone),
    ])
    const refused = voted.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused.every((error) => error instanceof RowNotFoundError)).toBe(true)
    expect(await standing(kept)).toEqual([20, 0, expect.closeTo(21 / 22)])
    expect(await memoryUsage.findById({ memory_id: kept })).toMatchObject({ retrieval_count: 20 })
    expect(await memoryVotes.count({ memory_id: gone })).toBe(0)
    expect(await memoryUsage.findById({ memory_id: gone })).toBeUndefined()
  })
})

test('tells a memory or voter of another tenant from a missing one in nothing', async () => {
  const { admin, mine, theirs } = tenants
  const foreign = (await insertMemory(admin, { org_id: theirs.orgId })).id
  const foreignVoter = (await insertUser(admin, { org_id: theirs.orgId })).id
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_votes')
  const deleted = await insertMine()
  await mine.memories.softDelete(deleted)
  const voteOn = async (id: string, voter = ana): Promise<Error> =>
    await failure(async () => await mine.memories.vote({ memoryId: id, voter, vote: 'positive' }))
  for (const id of [foreign, deleted, randomUUID()])
    expect(await voteOn(id)).toEqual(new RowNotFoundError('ibex_core.memories'))
  const missing = shown(await voteOn(memoryId, { type: 'user', id: randomUUID() }))
  expect(missing).toMatchObject({ code: 'foreign_key_violation', table: 'memory_votes' })
  expect(shown(await voteOn(memoryId, { type: 'user', id: foreignVoter }))).toEqual(missing)
  expect(await mine.memories.withdrawVote(foreign, ana)).toBe(false)
  await theirsUnchanged()
})

test('has no vote of nobody, and none of two', async () => {
  const { memoryVotes } = tenants.mine
  const vote = { memory_id: memoryId, vote: 'positive' } as const
  for (const voters of [{}, { user_id: ana.id, agent_id: guide.id }])
    expect(await failure(async () => await memoryVotes.insert({ ...vote, ...voters }))).toBeInstanceOf(
      CheckViolationError,
    )
})

test.each<[string, string, object]>([
  ['memoryId', 'no uuid', { memoryId: 'seven' }],
  ['voter', 'a text', { voter: 'ana' }],
  ['voter', 'nobody', { voter: undefined }],
  ['voter.type', 'a team', { voter: { type: 'team', id: randomUUID() } }],
  ['voter.id', 'no uuid', { voter: { type: 'user', id: 'ana' } }],
  ['voter field "name"', 'more than it is', { voter: { type: 'user', id: randomUUID(), name: 'Ana' } }],
  ['vote', 'a number', { vote: 1 }],
  ['vote', 'nothing', { vote: undefined }],
  ['comment', 'blank', { comment: ' ' }],
  ['comment', 'too long', { comment: 'x'.repeat(2_001) }],
  ['comment', 'with a NUL', { comment: 'a\0' }],
  ['option "coment"', 'misspelt', { coment: 'a' }],
])('refuses the %s before any SQL: %s', async (argument, _, bad) => {
  const input = { memoryId, voter: ana, vote: 'positive', ...bad } as VoteInput
  const error = await refusal(tenants, async () => await tenants.mine.memories.vote(input))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('refuses to take back a vote of nobody before any SQL', async () => {
  const { memories } = tenants.mine
  const voter = { type: 'user', id: 'ana' } as const
  for (const run of [
    async () => await memories.withdrawVote('seven', ana),
    async () => await memories.withdrawVote(memoryId, voter),
  ])
    expect(await refusal(tenants, run)).toBeInstanceOf(InvalidArgumentError)
})
