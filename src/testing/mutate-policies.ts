/** Measures the proof itself: takes each piece of the isolation away in turn, and asks whether the probes notice. */
import { TenantIsolationError } from './assertion-errors.ts'
import { fillForProof } from './fill-for-proof.ts'
import { formatKillScore } from './kill-score.ts'
import type { KillScore, MutantResult } from './kill-score.ts'
import { exemptSubjects, planProbes } from './isolation-probes.ts'
import { planMutants } from './mutants.ts'
import type { Mutant } from './mutant.ts'
import type { TestModel } from './model.ts'
import { resolveTestingOptions } from './options.ts'
import type { TestingOptions } from './options.ts'
import type { Probe } from './probe.ts'
import { readModel } from './read-model.ts'
import { ProbeRunner } from './run-probes.ts'
import type { Violation } from './run-probes.ts'
import { withSession } from './session.ts'
import type { TestSession, TestTarget } from './session.ts'
import type { FilledDatabase } from './stored-row.ts'

/** The options of {@link mutatePolicies}. */
export interface MutationOptions extends TestingOptions {
  /** Takes the printed score (default: standard output). */
  readonly print?: ((text: string) => void) | undefined
}

/**
 * Breaks the isolation in every way that the catalog offers, one at a time, and returns how much of it was noticed.
 *
 * Each policy is dropped, weakened and widened, each right given that no policy holds, each key made without the tenant,
 * FORCE and row-level security switched off, all within one transaction that is rolled back. A mutant is killed when a
 * probe of {@link expectTenantIsolation} goes red. What cannot matter is argued by a rule and counted apart.
 *
 * ```ts
 * const { survivors } = await mutatePolicies(database)
 * assert.deepEqual(survivors, [])
 * ```
 *
 * @throws {TenantIsolationError} when the schema does not keep tenants apart to begin with, or a table cannot be filled.
 * @throws {NotEmptyDatabaseError} when there are rows already and `acceptExistingRows` is not set.
 */
export async function mutatePolicies(
  database: TestTarget,
  options: MutationOptions = {},
): Promise<KillScore> {
  const { print = (text) => void process.stdout.write(`${text}\n`) } = options
  const resolved = resolveTestingOptions(options, ['print'])
  const start = performance.now()
  const mutants = await withSession(database, async (session, db) => {
    const model = await readModel(db, resolved)
    return await session.undone(async () => await runMutants(session, model))
  })
  const survivors = mutants.filter(({ outcome }) => outcome === 'survived')
  const killed = mutants.filter(({ outcome }) => outcome === 'killed').length
  const duration = Math.round(performance.now() - start)
  const score: KillScore = { killed, total: killed + survivors.length, survivors, mutants, duration }
  print(formatKillScore(score))
  return score
}

async function runMutants(session: TestSession, model: TestModel): Promise<readonly MutantResult[]> {
  const filled = await fillForProof(session, model)
  const { probes } = planProbes({ model, filled, isEmbedded: session.kind === 'embedded' })
  const runner = new ProbeRunner(session, model, filled)
  const violations = await runner.run(probes)
  if (violations.length + filled.unfilled.length > 0) throw notSound(violations, filled)
  const exempt = exemptSubjects({ model })
  const results: MutantResult[] = []
  for (const mutant of planMutants(model).filter(({ subject }) => !exempt.has(subject)))
    results.push(await runMutant({ session, runner, probes }, mutant))
  return results
}

function notSound(violations: readonly Violation[], { unfilled }: FilledDatabase): TenantIsolationError {
  const objects = new Set([...violations.map(({ object }) => object), ...unfilled.map(({ table }) => table)])
  return new TenantIsolationError(
    `tenants are not kept apart before anything is broken, make expectTenantIsolation pass first: ${[...objects].join(', ')}`,
    { violations, unfilled },
  )
}

interface Laboratory {
  readonly session: TestSession
  readonly runner: ProbeRunner
  readonly probes: readonly Probe[]
}

async function runMutant({ session, runner, probes }: Laboratory, mutant: Mutant): Promise<MutantResult> {
  const { name, kind, equivalent, subject, likely, apply, triggersOf } = mutant
  if (equivalent !== undefined) return { name, kind, outcome: 'equivalent', reason: equivalent }
  const own = probes.filter((probe) => probe.subject === subject)
  const batches = [
    own.filter((probe) => likely.includes(probe.kind)),
    own.filter((probe) => !likely.includes(probe.kind)),
  ]
  return await session.within('ibex_mutant', async () => {
    const { error } = await session.attempt('', apply)
    if (error !== undefined)
      return { name, kind, outcome: 'impossible', reason: `${error.message} (${error.code})` }
    const killer = await firstViolation(runner, batches)
    if (killer !== undefined) return { name, kind, outcome: 'killed', reason: killer }
    if (triggersOf === undefined) return { name, kind, outcome: 'survived', reason: 'no probe noticed' }
    await session.run(`alter table ${triggersOf} disable trigger user`)
    const shielded = await firstViolation(runner, batches)
    return shielded === undefined
      ? { name, kind, outcome: 'survived', reason: 'no probe noticed' }
      : {
          name,
          kind,
          outcome: 'equivalent',
          reason:
            'a trigger of the table runs into what guards another table first; without its triggers it is killed',
        }
  })
}

async function firstViolation(
  runner: ProbeRunner,
  batches: readonly (readonly Probe[])[],
): Promise<string | undefined> {
  for (const batch of batches) {
    if (batch.length === 0) continue
    const [violation] = await runner.run(batch, true)
    if (violation !== undefined) return `${violation.probe}: ${violation.seen}`
  }
  return undefined
}
