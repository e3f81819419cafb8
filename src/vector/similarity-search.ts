/** What every search by cosine similarity needs: a vector that has a direction, and settings of the server. */
import { InvalidVectorError } from '../errors.ts'
import type { Settings } from '../tenancy/settings.ts'
import { Vector } from './vector.ts'
import type { VectorInput } from './vector.ts'

/**
 * Checks an embedding that is stored or searched for.
 *
 * @throws {InvalidVectorError} also when it is all zeros: its cosine distance to anything is NaN, so it is never found.
 */
export function toEmbedding<N extends number>(values: VectorInput, dimension: N): Vector<N> {
  const vector = Vector.create(values, dimension)
  if (vector.every((value) => value === 0)) {
    throw new InvalidVectorError(
      'vector is all zeros: its cosine distance is undefined, embed a text that is not blank',
    )
  }
  return vector
}

/**
 * What a search for the nearest `limit` rows needs of the server; it rides in the statement's own round trip.
 *
 * `effort` is how many rows the index keeps in view at least: more of them miss fewer of the nearest, and take longer. The
 * index is read on until enough rows pass the filters. `relaxed_order` keeps more rows than `strict_order` and may return
 * them slightly out of order: sort again outside. A generic plan, which PostgreSQL turns to after five runs of a named
 * statement, could not prune the partitions when planning, nor see how selective the filters are. Pages are taken to be in
 * memory, where the default (a random read costs as much as four others) prefers to read whole tenants. The estimates of arms
 * that never run would start compilation and parallel workers, which take longer than the search.
 */
export function searchSettings(limit: number, effort = 100): Settings {
  return {
    'hnsw.ef_search': String(Math.min(1_000, Math.max(effort, limit))),
    'hnsw.iterative_scan': 'relaxed_order',
    plan_cache_mode: 'force_custom_plan',
    random_page_cost: '1.1',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
  }
}

/**
 * What a search whose arms count their own rows needs for a plan that is kept, beside {@link searchSettings}.
 *
 * Such a plan is made for a tenant of average size, and prunes partitions when it runs. Where one tenant owns most of a
 * partition it would read the whole partition for a small one, and where most are small it would sort a large tenant instead of
 * asking the index of vectors: without whole-table scans and sorts (where there is another way) it does neither.
 */
export const keptPlanSettings: Settings = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_sort: 'off',
}
