/** What was found, with the words of its rule. */
import type { Fault, Rule, Severity } from './rule.ts'
import { rules } from './rules.ts'

/** One thing that is wrong. */
export interface Finding {
  readonly code: string
  readonly severity: Severity
  /** What is wrong in general, in one sentence. */
  readonly problem: string
  readonly why: string
  readonly remedy: string
  /** Kind and name: `table public.notes`. */
  readonly object: string
  /** What is wrong with this object. */
  readonly detail: string
  /** The statements that mend it, in their order; none where only a person can decide. */
  readonly fix: readonly string[]
}

/** A finding that the baseline accepts. */
export interface AcceptedFinding extends Finding {
  readonly reason: string
}

/** The words of a rule without its code: what a report and the documentation need. */
export type RuleWords = Omit<Rule, 'find'>

/** An entry of the baseline that accepts nothing any more. */
export const baselineStale: RuleWords = {
  code: 'baseline-stale',
  severity: 'warning',
  problem: 'An entry of the baseline accepts nothing.',
  why: 'What it accepted was mended or renamed. Left in the file, it would accept the same mistake when somebody makes it again.',
  remedy: 'Take the entry out of the file.',
}

/** An entry of the baseline for a rule that does not exist. */
export const baselineUnknown: RuleWords = {
  code: 'baseline-unknown',
  severity: 'warning',
  problem: 'An entry of the baseline names a rule that does not exist.',
  why: 'It accepts nothing: the code is misspelt, or comes from another version.',
  remedy: 'Correct the code, or take the entry out of the file.',
}

/** The words of everything that a report may hold, in its order. */
export const allWords: readonly RuleWords[] = [...rules, baselineStale, baselineUnknown]

/** The codes that a baseline may accept. */
export const acceptable: ReadonlySet<string> = new Set(rules.map(({ code }) => code))

/** Puts a fault and the words of its rule together. */
export function findingOf({ code, severity, problem, why, remedy }: RuleWords, fault: Fault): Finding {
  const { object, detail, fix = [] } = fault
  return { code, severity, problem, why, remedy, object, detail, fix }
}
