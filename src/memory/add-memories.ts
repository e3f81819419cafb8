/** Adds memories: exact and near duplicates, conflicts and erased contents are noticed under one lock, in one round trip. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { DB, Memory } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { rowToInsert } from '../repository/column-values.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import { toWireValue } from '../tenancy/wire-value.ts'
import type { CheckedAddOptions } from './add-options.ts'
import type { CheckedMemory, MemoryRow } from './memory-input.ts'

/**
 * What became of a memory that was added:
 *
 * - `created`: it is new;
 * - `duplicate`: the agent has it, with the same normalised content; nothing was written;
 * - `merged`: the nearest memory says the same and took it in;
 * - `superseded`: it is new, and the memories that said the same before are superseded by it;
 * - `pending_review`: it is new and contradicts others: somebody is to resolve the conflict;
 * - `erased`: its content was erased and shall not be learnt again; nothing was written.
 */
export type AddOutcome = 'created' | 'duplicate' | 'merged' | 'superseded' | 'pending_review' | 'erased'

/** Another memory that decided what became of one, and the cosine similarity of the two. */
export interface NearMemory {
  readonly id: string
  readonly similarity: number
}

/** What became of one memory. */
export interface AddedMemory {
  readonly outcome: AddOutcome
  /** The memory that now holds what was added: itself, its duplicate, or what took it in; null when it was erased. */
  readonly id: string | null
  /**
   * The others concerned, the nearest first, at most 10: those superseded, contradicted, or (policy `report`) near it. Of
   * a memory that was merged, the one: its own row, which keeps what was said.
   */
  readonly others: readonly NearMemory[]
}

/** A statement's memories at most: keeps its message, some 5 kB a memory, well below 100 MB. */
const maxRows = 2_000

const table = tables['ibex_core.memories']

/**
 * Adds memories in their order, all or none, and tells what became of each.
 *
 * One statement for up to 2,000; more need a transaction. Until it ends, others who add memories of the same agents wait;
 * with the policy `ignore` only those wait who compare.
 *
 * @throws {SerializationFailureError} when plain updates remove and bring back the same memory again and again.
 */
export async function addMemories(
  db: Kysely<DB>,
  orgId: string,
  memories: readonly CheckedMemory[],
  options: CheckedAddOptions,
): Promise<AddedMemory[]> {
  return await addInParts<AddedMemory>(db, orgId, memories, { options, select: sql`(memory).id` })
}

/** As {@link addMemories}, with the whole memories: null where one was erased. */
export async function addWholeMemories(
  db: Kysely<DB>,
  orgId: string,
  memories: readonly CheckedMemory[],
  options: CheckedAddOptions,
): Promise<(Pick<AddedMemory, 'outcome' | 'others'> & { readonly memory: Memory | null })[]> {
  const select = sql`(memory).*`
  const rows = await addInParts<Memory & Omit<AddedMemory, 'id'>>(db, orgId, memories, { options, select })
  return rows.map(({ outcome, others, ...memory }) => ({
    outcome,
    others,
    memory: outcome === 'erased' ? null : memory,
  }))
}

/** Tells whether they are added by one statement, which is all or nothing without a transaction. */
export function isOneStatement(memories: readonly CheckedMemory[]): boolean {
  return memories.length <= maxRows
}

interface AddParts {
  readonly options: CheckedAddOptions
  readonly select: RawBuilder<unknown>
}

async function addInParts<R>(
  db: Kysely<DB>,
  orgId: string,
  memories: readonly CheckedMemory[],
  parts: AddParts,
): Promise<R[]> {
  // the locks of all parts at once: one after the other, two callers could wait for each other
  if (!isOneStatement(memories)) await lockAgents(db, orgId, memories)
  const results: R[] = []
  for (let start = 0; start < memories.length; start += maxRows)
    results.push(...(await addPart<R>(db, orgId, memories.slice(start, start + maxRows), parts)))
  return results
}

async function addPart<R>(
  db: Kysely<DB>,
  orgId: string,
  memories: readonly CheckedMemory[],
  { options: { policy, duplicateFrom, conflictFrom }, select }: AddParts,
): Promise<readonly R[]> {
  const given = JSON.stringify(memories.map(({ row }) => toJsonRow(row, orgId)))
  const tagLists = memories.map(({ tags }) => JSON.stringify(tags))
  const query = sql<R>`select outcome, others, ${select} from ibex_core.add_memories(${orgId}, ${given}::json,
    ${tagLists}::jsonb[], ${policy}, ${duplicateFrom}::real, ${conflictFrom}::real)`.compile(db)
  const { rows } = await db.executeQuery(policy === 'ignore' ? query : withSettings(query, indexSettings))
  return rows
}

/**
 * What a look-up of near memories needs of the index. A shorter list of candidates than that of a search (60 instead of 100)
 * missed one in a hundred near duplicates among 60,000. The function itself says which of its statements are planned anew.
 */
const indexSettings = { 'hnsw.ef_search': '100', 'hnsw.iterative_scan': 'relaxed_order' } as const

/** The row as JSON whose values PostgreSQL reads as those of the columns. */
function toJsonRow(row: MemoryRow, orgId: string): object {
  return {
    ...rowToInsert(table, { ...row, id: crypto.randomUUID(), status: 'active' }, orgId),
    expires_at: toWireValue(row.expires_at, 0),
  }
}

async function lockAgents(db: Kysely<DB>, orgId: string, memories: readonly CheckedMemory[]): Promise<void> {
  const agentIds = [...new Set(memories.map(({ row }) => row.agent_id))]
  await sql`select from ibex_core.lock_agent_memories(${orgId}, ${agentIds}::uuid[], false)`.execute(db)
}
