/** Reciprocal rank fusion: one order out of several, whose scores cannot be compared. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'

/** How little the first places differ (Cormack, Clarke and Büttcher 2009 chose 60). */
const smoothing = 60

/**
 * The fused score of a row by its places in several lists, 1 being the first and null nowhere: 1 for what is first in all,
 * 0 at least.
 *
 * Each list must be cut by `order by … limit` within, or no index is used for it.
 */
export function fusedScore(places: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const parts = places.map((place) => sql`coalesce(1.0::float8 / (${smoothing}::int + ${place}), 0)`)
  return sql`(${sql.join(parts, sql` + `)}) * ${(smoothing + 1) / places.length}::float8`
}

/** What one place gives to the fused score of so many lists. */
export function fusedShare(place: number | null, lists: number): number {
  return place === null ? 0 : (smoothing + 1) / lists / (smoothing + place)
}
