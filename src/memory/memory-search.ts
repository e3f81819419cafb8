/** Searches memories by vector, by words, or by both. */
import type { DB, Memory } from '../../types/database.d.ts'
import { withKeptPlan, withSettings } from '../tenancy/query-settings.ts'
import type { Scope } from '../tenancy/scope.ts'
import { maximalMarginalRelevance } from '../vector/maximal-marginal-relevance.ts'
import { fusedShare } from '../vector/rank-fusion.ts'
import type { MemoryHit, MemorySearchResult, SearchStrategy } from './memory-hit.ts'
import { rerankHits } from './rerank.ts'
import type { CheckedSearch } from './search-input.ts'
import { sharesOf, signalNames } from './search-score.ts'
import { keptPlanOf, searchStatement, settingsOf } from './search-statement.ts'
import type { SearchRow } from './search-statement.ts'

/** Runs a search in one statement. */
export async function searchMemories(
  { db, orgId }: Scope<DB>,
  search: CheckedSearch,
): Promise<MemorySearchResult> {
  const query = withSettings(searchStatement(orgId, search).compile(db), settingsOf(search))
  const keptPlan = keptPlanOf(search)
  const { rows } = await db.executeQuery(keptPlan === undefined ? query : withKeptPlan(query, keptPlan))
  const hits = rows.flatMap((row) => toHit(row, search))
  return {
    hits: await choose(hits, search),
    strategy: strategyOf(rows[0], search),
    isComplete: rows[0]?.['is near complete'] === true && rows[0]['are words complete'],
  }
}

function strategyOf(row: SearchRow | undefined, { text, embedding }: CheckedSearch): SearchStrategy {
  if (embedding === null) return 'text'
  const way = row?.['is ann'] === true ? 'ann' : 'exact'
  return text === null ? way : `hybrid-${way}`
}

/** A search without hits has one row, of facts alone. */
function toHit(row: SearchRow, search: CheckedSearch): MemoryHit[] {
  const memory: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) if (!ownColumns.has(name)) memory[name] = value
  if (memory['id'] === null) return []
  const places = { vectorRank: row['hit near place'], textRank: row['hit word place'] }
  const hit: MemoryHit = {
    // what is left are the columns of memories
    memory: memory as unknown as Memory,
    score: row['hit score'],
    relevance: row['hit relevance'],
    similarity: row['hit similarity'],
    coverage: row['hit coverage'],
    ...places,
  }
  return [search.explain ? { ...hit, shares: explain(row, hit, search) } : hit]
}

const ownColumns: ReadonlySet<string> = new Set([
  'is ann',
  'is near complete',
  'are words complete',
  'hit score',
  'hit relevance',
  'hit similarity',
  'hit coverage',
  'hit near place',
  'hit word place',
  'hit order',
  'distance',
  ...signalNames,
])

function explain(row: SearchRow, hit: MemoryHit, search: CheckedSearch): NonNullable<MemoryHit['shares']> {
  if (search.isComposite) return sharesOf({ ...row })
  if (search.text === null) return { vector: hit.score }
  if (search.embedding === null) return { text: hit.score }
  return { vector: fusedShare(hit.vectorRank, 2), text: fusedShare(hit.textRank, 2) }
}

/** Lets a reranker and MMR choose, where they are asked for. */
async function choose(hits: readonly MemoryHit[], search: CheckedSearch): Promise<readonly MemoryHit[]> {
  const { rerank, text, embedding, mmrLambda, limit } = search
  const query = { ...(text === null ? {} : { text }), ...(embedding === null ? {} : { embedding }) }
  const ordered = rerank === null ? hits : await rerankHits(rerank, query, hits)
  if (mmrLambda === null) return ordered.slice(0, limit)
  const scores = ordered.map(({ score }) => score)
  const [least, most] = [Math.min(...scores), Math.max(...scores)]
  // scores have ranges of their own: within these hits they become 0 to 1, as similarities are
  const candidates = ordered.map((hit) => ({
    hit,
    relevance: most > least ? (hit.score - least) / (most - least) : 1,
    embedding: hit.memory.embedding,
  }))
  return maximalMarginalRelevance(candidates, { lambda: mmrLambda, limit }).map(({ hit }) => hit)
}
