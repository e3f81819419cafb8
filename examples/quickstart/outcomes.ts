/** What became of statements, counted. */
import type { AddManyReport, AddOutcome } from '../../src/index.ts'

/** How many statements were created, duplicate, merged, and so on: every statement is counted once. */
export type Outcomes = AddManyReport['outcomes']

/** All outcomes, in the order in which they are shown. */
export const outcomeNames: readonly AddOutcome[] = [
  'created',
  'duplicate',
  'merged',
  'pending_review',
  'superseded',
  'erased',
]

/** Adds up what became of statements. */
export function sumOutcomes(all: readonly Outcomes[]): Outcomes {
  const sum = { created: 0, duplicate: 0, merged: 0, pending_review: 0, superseded: 0, erased: 0 }
  for (const outcomes of all) {
    for (const name of outcomeNames) sum[name] += outcomes[name]
  }
  return sum
}

/** Counts the statements of all outcomes. */
export function countStatements(outcomes: Outcomes): number {
  return outcomeNames.reduce((count, name) => count + outcomes[name], 0)
}
