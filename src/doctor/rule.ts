/** What a rule is. */
import type { Examined } from './examine.ts'

/** How bad it is: a tenant can reach another's rows, isolation hangs by one thread or costs too much, or good to know. */
export type Severity = 'error' | 'warning' | 'info'

/** A rule: a pure function of what was read, with the words that explain what it finds. */
export interface Rule {
  /** Never changes: baselines and suppressions name it. */
  readonly code: string
  readonly severity: Severity
  /** What is wrong, in one sentence. */
  readonly problem: string
  /** What can happen. */
  readonly why: string
  /** How to mend it, in words. */
  readonly remedy: string
  find(schema: Examined): Iterable<Fault>
}

/** One place where a rule is broken. */
export interface Fault {
  /** Kind and name, the same in every copy of the database: `table public.notes`. */
  readonly object: string
  /** What is wrong with this object, in one sentence without a full stop. */
  readonly detail: string
  /** The statements that mend it, in their order; none where only a person can decide. */
  readonly fix?: readonly string[]
}
