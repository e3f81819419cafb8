/** How many mutants were noticed, and how that is printed. */
import type { Mutant } from './mutant.ts'

/** What became of one mutant. */
export interface MutantResult {
  readonly name: string
  readonly kind: Mutant['kind']
  /**
   * `killed` was noticed, `survived` was not. `equivalent` changes nothing for a tenant, by the rule in `reason`.
   * `impossible` is what the server refused to make.
   */
  readonly outcome: 'killed' | 'survived' | 'equivalent' | 'impossible'
  /** The probe that noticed, the rule, or the refusal. */
  readonly reason: string
}

/** How many mutants were noticed. */
export interface KillScore {
  readonly killed: number
  /** Killed and survived. */
  readonly total: number
  readonly survivors: readonly MutantResult[]
  readonly mutants: readonly MutantResult[]
  /** Milliseconds. */
  readonly duration: number
}

/** Writes the score: survivors by name, what was argued by rule, then one line a kind. */
export function formatKillScore({ killed, total, survivors, mutants, duration }: KillScore): string {
  const percent = total === 0 ? 0 : Math.floor((killed / total) * 1000) / 10
  const head = `kill score ${percent} %: ${killed} of ${total} mutants were noticed, in ${(duration / 1000).toFixed(1)} s`
  const kinds = Map.groupBy(
    mutants.filter(({ outcome }) => outcome === 'killed'),
    ({ kind }) => kind,
  )
  return [
    head,
    ...Array.from(kinds, ([kind, group]) => `  ${group.length} × ${kind}`),
    ...survivors.map(({ name }) => `survived: ${name}`),
    ...byReason('equivalent', mutants),
    ...byReason('impossible', mutants),
  ].join('\n')
}

function byReason(outcome: MutantResult['outcome'], mutants: readonly MutantResult[]): readonly string[] {
  const groups = Map.groupBy(
    mutants.filter((mutant) => mutant.outcome === outcome),
    ({ reason }) => reason,
  )
  return Array.from(groups, ([reason, group]) => `${outcome}: ${group.length} × ${reason}`)
}
