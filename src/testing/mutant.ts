/** What a mutant is. */
import type { ProbeKind } from './probe.ts'

/** A change that ought to be noticed. */
export interface Mutant {
  /** The object as the doctor names it, and what is done to it. */
  readonly name: string
  readonly kind: 'policy' | 'grant' | 'key' | 'force' | 'role' | 'view' | 'sequence'
  /** The id of what is probed, and the probes that are likely to notice. */
  readonly subject: string
  readonly likely: readonly ProbeKind[]
  /** The statements of the superuser. */
  readonly apply: string
  /** The table whose triggers may stand in front of the policy. */
  readonly triggersOf?: string
  /** Why nothing changes for a tenant: then it is reported and not run. */
  readonly equivalent?: string | undefined
}
