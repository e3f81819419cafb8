/** Noninterference: whatever one tenant does, another one notices nothing. */
import type * as FastCheck from 'fast-check'
import { MissingTestPackageError } from '../errors.ts'
import { TenantIsolationError } from './assertion-errors.ts'
import { fillForProof } from './fill-for-proof.ts'
import { exemptSubjects } from './isolation-probes.ts'
import { provenTablesOf } from './model.ts'
import type { TestModel } from './model.ts'
import { formatCounterexample, shortenHistory, shown } from './counterexample.ts'
import type { Counterexample } from './counterexample.ts'
import { actions, operationOf } from './operation.ts'
import type { History } from './operation.ts'
import { resolveTestingOptions, wholeNumber } from './options.ts'
import type { TestingOptions } from './options.ts'
import { readModel } from './read-model.ts'
import { HistoryRunner } from './run-history.ts'
import { withSession } from './session.ts'
import type { TestSession, TestTarget } from './session.ts'
import { prepareViews } from './tenant-view.ts'

/** The options of {@link expectNoninterference}. */
export interface NoninterferenceOptions extends TestingOptions {
  /** Random histories (default 100). */
  readonly runs?: number | undefined
  /** Operations of a history at most, of both tenants together (default 30). */
  readonly operations?: number | undefined
  /** Milliseconds after which no further history begins (default 60,000). */
  readonly timeLimit?: number | undefined
}

/** What was tried. */
export interface NoninterferenceReport {
  /** Makes the same histories again. */
  readonly seed: number
  readonly runs: number
  /** Statements of both tenants; those of `mine` are sent once more without the others. */
  readonly operations: number
  /** How many of them gave or changed rows: a history in which everything fails proves little. */
  readonly effective: number
}

/**
 * Proves on random histories that whatever the tenant `theirs` does, `mine` sees the same rows, counts and errors as if it
 * had done nothing.
 *
 * Both insert, upsert, update, delete, fail and roll back in every table, with each other's ids and keys. Each history runs
 * twice, with and without the part of `theirs`, within one transaction that is rolled back. One that differs is shortened
 * until no step of it can be left out.
 *
 * ```ts
 * await expectNoninterference(database, { runs: 1000, seed: 42 })
 * ```
 *
 * @throws {TenantIsolationError} when `mine` notices something; the message is the history.
 * @throws {MissingTestPackageError} when fast-check is not installed.
 * @throws {NotEmptyDatabaseError} when there are rows already and `acceptExistingRows` is not set.
 */
export async function expectNoninterference(
  database: TestTarget,
  options: NoninterferenceOptions = {},
): Promise<NoninterferenceReport> {
  const resolved = resolveTestingOptions(options, ['runs', 'operations', 'timeLimit'])
  const limits = {
    runs: wholeNumber('runs', options.runs ?? 100),
    operations: wholeNumber('operations', options.operations ?? 30),
    timeLimit: wholeNumber('timeLimit', options.timeLimit ?? 60_000),
  }
  const fastCheck = await importFastCheck()
  return await withSession(database, async (session, db) => {
    const model = await readModel(db, resolved)
    return await session.undone(async () => await checkHistories({ session, model, limits }, fastCheck))
  })
}

interface Experiment {
  readonly session: TestSession
  readonly model: TestModel
  readonly limits: { readonly runs: number; readonly operations: number; readonly timeLimit: number }
}

async function checkHistories(
  { session, model, limits }: Experiment,
  fc: typeof FastCheck,
): Promise<NoninterferenceReport> {
  const history = await fillHistory(session, model)
  const runner = new HistoryRunner(session, history, await prepareViews(session, history))
  const { seed } = model.options
  const step = fc.record({
    by: fc.constantFrom('mine' as const, 'theirs' as const),
    action: fc.constantFrom(...actions),
    table: fc.nat(2),
    row: fc.nat(5),
    choices: fc.nat(4 ** 12 - 1),
  })
  // a history stays with a few tables, so that its steps meet
  const places = fc.array(fc.nat(history.tables.length - 1), { minLength: 1, maxLength: 3 })
  const steps = fc.array(step, { minLength: 1, maxLength: limits.operations, size: 'max' })
  let failed: Parameters<typeof shortenHistory>[1] | undefined
  const property = fc.asyncProperty(places, steps, async (tables, each) => {
    const operations = each.map((one) =>
      operationOf({ ...one, table: tables[one.table % tables.length] ?? 0 }, history),
    )
    const interference = await runner.compare(operations)
    if (interference !== undefined) failed = { history: operations, interference }
    return interference === undefined
  })
  // its own shrinking would make the numbers smaller too, which nobody reads, and takes ten times as long
  const { numRuns } = await fc.check(property, {
    seed,
    numRuns: limits.runs,
    interruptAfterTimeLimit: limits.timeLimit,
    endOnFailure: true,
  })
  if (failed !== undefined) throw await explain(runner, seed, failed)
  return { seed, runs: numRuns, ...runner.counts }
}

async function explain(
  runner: HistoryRunner,
  seed: number,
  failed: Parameters<typeof shortenHistory>[1],
): Promise<TenantIsolationError<Counterexample>> {
  const { history, interference } = await shortenHistory(runner, failed)
  const found = { seed, history: history.map(shown), interference }
  return new TenantIsolationError(formatCounterexample(found), found)
}

async function fillHistory(session: TestSession, model: TestModel): Promise<History> {
  const filled = await fillForProof(session, model)
  const exempt = exemptSubjects({ model })
  const tables = provenTablesOf(model).filter(({ relation, columns }) => {
    const rows = filled.rows.get(relation.id)
    const isUsed = columns.some(({ maySelect, mayInsert, mayUpdate }) => maySelect || mayInsert || mayUpdate)
    return (
      isUsed && !exempt.has(relation.id) && (rows?.mine.length ?? 0) > 0 && (rows?.theirs.length ?? 0) > 0
    )
  })
  return { model, filled, tables }
}

async function importFastCheck(): Promise<typeof FastCheck> {
  try {
    return await import('fast-check')
  } catch (cause) {
    throw new MissingTestPackageError('fast-check is not installed: npm install --save-dev fast-check', {
      cause,
    })
  }
}
