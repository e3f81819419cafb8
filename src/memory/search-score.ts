/** The score of a memory that was found: what services were promised. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { RetrievalWeights } from '../agents/agent-config.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkObject, checkOptionNames } from '../tenancy/arguments.ts'

/** What a composite score is made of. */
export type Signal = keyof RetrievalWeights

/**
 * How much each signal counts: numbers of at least 0, of which one is more; what is left out counts nothing.
 *
 * They are divided by their sum, so a score is 0 to 1 as each signal is: recency is exp(-0.05 · days since creation), usefulness
 * that of `memory_usage` (0.5 before any vote), frequency min(retrievals / 50, 1).
 */
export type SearchWeights = Readonly<Partial<RetrievalWeights>>

/** The signals, and their weights by the contract of the memory services. */
const defaultWeights: Readonly<Record<Signal, number>> = {
  relevance: 0.4,
  recency: 0.25,
  usefulness: 0.2,
  confidence: 0.1,
  frequency: 0.05,
}

// the keys of the object above are the signals
const signals = Object.keys(defaultWeights) as readonly Signal[]

/** @throws {InvalidArgumentError} when one is unknown, negative or not finite, or all are 0. */
export function checkWeights(weights: SearchWeights): SearchWeights {
  checkOptionNames('weight', checkObject('weights', weights), new Set(signals))
  let sum = 0
  for (const weight of Object.values(weights)) {
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0)
      throw new InvalidArgumentError('weights', 'must be finite numbers of at least 0')
    sum += weight
  }
  if (sum > 0 && Number.isFinite(sum)) return weights
  throw new InvalidArgumentError(
    'weights',
    'must not all be 0, nor too large to be added: nothing would be compared',
  )
}

/** One row with a column for each weight; the columns add up to 1. */
export function weightsQuery(
  orgId: string,
  weights: SearchWeights | null,
  agentId: string | null,
): RawBuilder<unknown> {
  if (weights !== null || agentId === null) return sql`select ${weightColumns(weights ?? defaultWeights)}`
  // an agent's column may hold anything that a plain update has put there: what is no number counts nothing
  const ofAgent = signals.map((signal) => {
    const value = sql`retrieval_weights -> ${signal}`
    const number = sql`case when jsonb_typeof(${value}) = 'number' then (${value})::float8 else 0 end`
    return sql`greatest(${number}, 0) as ${sql.ref(signal)}`
  })
  const sum = sql.join(
    signals.map((signal) => sql.ref(signal)),
    sql` + `,
  )
  const shares = signals.map(
    (signal) =>
      sql`case when ${sum} > 0 then ${sql.ref(signal)} / (${sum}) else ${defaultWeights[signal]}::float8 end as ${sql.ref(signal)}`,
  )
  return sql`select ${sql.join(shares)} from (select ${sql.join(ofAgent)} from (select (
      select memory_config -> 'retrieval_weights' from ibex_core.agents where org_id = ${orgId} and id = ${agentId}
    ) as retrieval_weights) as agent) as given`
}

function weightColumns(weights: SearchWeights): RawBuilder<unknown> {
  const sum = signals.reduce((total, signal) => total + (weights[signal] ?? 0), 0)
  return sql.join(signals.map((signal) => sql`${(weights[signal] ?? 0) / sum}::float8 as ${sql.ref(signal)}`))
}

/** The signals of `memory` and its `usage`, but its relevance; each 0 to 1. */
export const signalColumns: RawBuilder<unknown> = sql`
  exp(-0.05 * greatest(extract(epoch from now() - memory.created_at)::float8 / 86400, 0)) as recency,
  coalesce(usage.usefulness_score, 0.5)::float8 as usefulness, memory.confidence::float8 as "confidence signal",
  least(coalesce(usage.retrieval_count, 0) / 50.0::float8, 1) as frequency`

/** The parts of the score, which add up to it: a column for each signal, called `share of …`. */
export const shareColumns: RawBuilder<unknown> = sql.join(
  signals.map((signal) => {
    const value = sql.ref(signal === 'confidence' ? 'scored.confidence signal' : `scored.${signal}`)
    return sql`weight.${sql.ref(signal)} * ${value} as ${sql.ref(shareName(signal))}`
  }),
)

/** The sum of the columns above. */
export const scoreOfShares: RawBuilder<unknown> = sql.join(
  signals.map((signal) => sql.ref(shareName(signal))),
  sql` + `,
)

/** What each signal has given to the score of a row. */
export function sharesOf(row: Readonly<Record<string, unknown>>): Readonly<Record<Signal, number>> {
  // the statement has a column for each
  return Object.fromEntries(signals.map((signal) => [signal, row[shareName(signal)]])) as Record<
    Signal,
    number
  >
}

/** The columns that the statement adds to a memory's own for its score. */
export const signalNames: readonly string[] = [
  ...signals.map(shareName),
  ...signals.filter((signal) => signal !== 'confidence'),
  // the memory has a column of that name
  'confidence signal',
]

function shareName(signal: Signal): string {
  return `share of ${signal}`
}
