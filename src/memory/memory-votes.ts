/** Votes on memories: whether a user or an agent found one useful. A trigger counts them in `memory_usage`. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, MemoryVote } from '../../types/database.d.ts'
import { InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { checkFilledText, checkObject, checkOptionNames, checkUuid } from '../tenancy/arguments.ts'

/** Who votes. */
export interface Voter {
  readonly type: 'user' | 'agent'
  readonly id: string
}

/** A vote, and what it is on. */
export interface VoteInput {
  readonly memoryId: string
  readonly voter: Voter
  readonly vote: MemoryVote['vote']
  /** Why, in 1 to 2,000 characters. It belongs to this vote: left out, an earlier one is gone. */
  readonly comment?: string | null
}

/** A vote that passed every check: its row without the tenant. */
export type CheckedVote = Pick<MemoryVote, 'memory_id' | 'user_id' | 'agent_id' | 'vote' | 'comment'>

/** Whose vote on what. */
export type VoteKey = Omit<CheckedVote, 'vote' | 'comment'>

const voteOptions: ReadonlySet<string> = new Set<keyof VoteInput>(['memoryId', 'voter', 'vote', 'comment'])
const voterFields: ReadonlySet<string> = new Set<keyof Voter>(['type', 'id'])
const votes: ReadonlySet<string> = new Set<MemoryVote['vote']>(['positive', 'negative'])

/**
 * Checks a vote and makes its row.
 *
 * @throws {InvalidArgumentError} when an id is no uuid, the voter neither a user nor an agent, the vote neither positive nor
 *   negative, or the comment blank or too long.
 */
export function checkVote(input: VoteInput): CheckedVote {
  checkOptionNames('option', checkObject('vote', input), voteOptions)
  const { memoryId, voter, vote, comment = null } = input
  if (!votes.has(vote)) throw new InvalidArgumentError('vote', 'must be positive or negative')
  return {
    ...checkVoteKey(memoryId, voter),
    vote,
    comment: comment === null ? null : checkFilledText('comment', comment, 2_000),
  }
}

/**
 * Checks whose vote on which memory is meant.
 *
 * @throws {InvalidArgumentError} when an id is no uuid, or the voter neither a user nor an agent.
 */
export function checkVoteKey(memoryId: string, voter: Voter): VoteKey {
  checkOptionNames('voter field', checkObject('voter', voter), voterFields)
  if (voter.type !== 'user' && voter.type !== 'agent')
    throw new InvalidArgumentError('voter.type', 'must be user or agent')
  const id = checkUuid('voter.id', voter.id)
  return {
    memory_id: checkUuid('memoryId', memoryId),
    user_id: voter.type === 'user' ? id : null,
    agent_id: voter.type === 'agent' ? id : null,
  }
}

/**
 * Inserts a vote, or changes the one that the voter has cast before.
 *
 * The memory is held for as long as the statement runs, by the lock that the foreign key takes: nothing of it is written,
 * so its embedding is not inserted into the index again.
 *
 * @throws {RowNotFoundError} when the tenant has no such living memory.
 */
export async function castVote(db: Kysely<DB>, orgId: string, vote: CheckedVote): Promise<MemoryVote> {
  const { rows } = await sql<MemoryVote>`
    insert into ibex_core.memory_votes (org_id, memory_id, user_id, agent_id, vote, comment)
    select org_id, id, ${vote.user_id}::uuid, ${vote.agent_id}::uuid, ${vote.vote}, ${vote.comment}
    from ibex_core.memories where org_id = ${orgId} and id = ${vote.memory_id} and deleted_at is null for key share
    on conflict (org_id, memory_id, user_id, agent_id) do update set vote = excluded.vote, comment = excluded.comment
    returning *`.execute(db)
  const [cast] = rows
  if (cast === undefined) throw new RowNotFoundError('ibex_core.memories')
  return cast
}

/** Deletes a vote and tells whether there was one. */
export async function withdrawVote(db: Kysely<DB>, orgId: string, key: VoteKey): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('ibex_core.memory_votes')
    .where('org_id', '=', orgId)
    .where('memory_id', '=', key.memory_id)
    .where('user_id', 'is not distinct from', key.user_id)
    .where('agent_id', 'is not distinct from', key.agent_id)
    .executeTakeFirst()
  return numDeletedRows > 0n
}
