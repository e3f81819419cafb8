/** How fast memories are added in bulk, beside an insert that is written by hand. */
import pg from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { withClient } from '../../test/support/with-client.ts'
import { shuffle } from '../harness/rounds.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { pairedRatios, summarise } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'

/** Says how much is added, and how often. */
export interface BulkAddOptions {
  /** Rounds that count; one before them warms up. */
  readonly rounds: number
  /** Memories that each contender adds in each round. */
  readonly rows: number
  /** Memories of one call. */
  readonly batch: number
  /** Memories that the agent has before: above 2,000 the compared ones are looked up by the index. */
  readonly before: number
  readonly signal: AbortSignal
}

/** Holds what one contender needed. */
export interface BulkAddFigure {
  readonly name: string
  readonly label: string
  /** Memories a second, one value a round. */
  readonly perSecond: Summary
  /** Its speed by that of the hand-written insert, round by round: 1 = as fast. */
  readonly ratio: Summary
}

const never = new AbortController().signal

/** Some minutes. */
export const fullBulkAdd: BulkAddOptions = {
  rounds: 5,
  rows: 2_000,
  batch: 500,
  before: 6_000,
  signal: never,
}

/** Some seconds. */
export const quickBulkAdd: BulkAddOptions = { rounds: 2, rows: 200, batch: 100, before: 200, signal: never }

interface Adder {
  readonly name: string
  readonly label: string
  add(batch: readonly MemoryInput[]): Promise<void>
}

/**
 * Measures a hand-written `unnest` insert, and `addMany` without and with looking for near memories, in turn.
 *
 * All write to the same table, of the same tenant and agent, with the same indexes and triggers. The hand-written insert
 * runs as a superuser, held by no policy; it hashes the contents too, and looks for nothing.
 *
 * @throws when a contender did not add every memory, or the signal is aborted; the database is dropped in any case.
 */
export async function benchBulkAdd(
  url: string | undefined,
  options: BulkAddOptions,
): Promise<BulkAddFigure[]> {
  await using scratch = await createScratchDatabase(url)
  await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
  const { orgId, agentId } = await insertAgent(scratch.url)
  await using database = createDatabase({ url: scratch.url, poolSize: 1 })
  const tenant = database.forTenant(orgId)
  const client = new pg.Client(scratch.url)
  await client.connect()
  try {
    const before = memoriesOf(agentId, options.before)
    for (const batch of batchesOf(before, 1_000)) await tenant.memories.addMany(batch)
    await client.query('analyze ibex_core.memories')
    return await measure([handWritten(client, orgId), ...library(tenant)], agentId, options)
  } finally {
    await client.end()
  }
}

async function measure(
  adders: readonly Adder[],
  agentId: string,
  options: BulkAddOptions,
): Promise<BulkAddFigure[]> {
  const measured = adders.map((adder) => ({ adder, perSecond: [] as number[] }))
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const { adder, perSecond } of shuffle(measured)) {
      options.signal.throwIfAborted()
      const batches = batchesOf(memoriesOf(agentId, options.rows), options.batch)
      const startedAt = performance.now()
      for (const batch of batches) await adder.add(batch)
      const seconds = (performance.now() - startedAt) / 1_000
      if (round > 0) perSecond.push(options.rows / seconds)
    }
  }
  const [baseline] = measured
  return measured.map(({ adder: { name, label }, perSecond }) => ({
    name,
    label,
    perSecond: summarise(perSecond),
    ratio: summarise(pairedRatios(perSecond, baseline?.perSecond ?? [])),
  }))
}

function library({ memories }: TenantScope): Adder[] {
  const adder =
    (onNearDuplicate: 'ignore' | 'merge'): Adder['add'] =>
    async (batch) => {
      const { outcomes } = await memories.addMany(batch, { onNearDuplicate, batchSize: batch.length })
      if (outcomes.created !== batch.length) throw new Error('not every memory was created: the run is void')
    }
  return [
    { name: 'ignore', label: 'addMany, exact duplicates only', add: adder('ignore') },
    { name: 'merge', label: 'addMany, near duplicates and conflicts too', add: adder('merge') },
  ]
}

function handWritten(client: pg.Client, orgId: string): Adder {
  const add = async (batch: readonly MemoryInput[]): Promise<void> => {
    const { rowCount } = await client.query({
      name: 'insert memories',
      text: insertMemories,
      values: [
        orgId,
        batch.map(({ agentId }) => agentId),
        batch.map(({ content }) => content),
        batch.map(({ content }) => contentHash(content)),
        batch.map(({ embedding }) => `[${embedding.join(',')}]`),
      ],
    })
    if (rowCount !== batch.length) throw new Error('not every memory was inserted: the run is void')
  }
  return { name: 'hand-written', label: 'insert … select from unnest(…)', add }
}

const insertMemories = `
  insert into ibex_core.memories (org_id, agent_id, content, content_hash, embedding, category)
  select $1::uuid, agent_id, content, content_hash, embedding, 'factual'
    from unnest($2::uuid[], $3::text[], $4::bpchar[], $5::vector[]) as new (agent_id, content, content_hash, embedding)
  returning id`

let made = 0

/** New contents with embeddings at nearly right angles: none is near another. */
function memoriesOf(agentId: string, count: number): MemoryInput[] {
  return Array.from({ length: count }, () => {
    made += 1
    const embedding = Float32Array.from({ length: 384 }, () => Math.random() - 0.5)
    return { agentId, content: `The user said that their number is ${made}.`, embedding, category: 'factual' }
  })
}

function batchesOf(memories: readonly MemoryInput[], size: number): MemoryInput[][] {
  const count = Math.ceil(memories.length / size)
  return Array.from({ length: count }, (_, index) => memories.slice(index * size, (index + 1) * size))
}

async function insertAgent(url: string): Promise<{ readonly orgId: string; readonly agentId: string }> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ orgId: string; agentId: string }>(`
      with organization as (insert into ibex_core.organizations (name, slug) values ('A', 'a') returning id)
      insert into ibex_core.agents (org_id, name, slug) select id, 'A', 'a' from organization
      returning org_id as "orgId", id as "agentId"`)
    const [agent] = rows
    if (agent === undefined) throw new Error('the insert returned no row')
    return agent
  })
}

/** One line a contender: rows a second, and the ratio to the hand-written insert. */
export function formatBulkAdd(figures: readonly BulkAddFigure[]): string {
  const width = Math.max(...figures.map(({ label }) => label.length))
  const lines = figures.map(({ label, perSecond, ratio }) => {
    const rate = String(Math.round(perSecond.median)).padStart(7)
    return `${label.padEnd(width)}  ${rate} rows/s  ${ratio.median.toFixed(2)} of the hand-written insert`
  })
  return ['adding memories in bulk, 384 dimensions, all indexes', ...lines].join('\n')
}
