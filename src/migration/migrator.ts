/** Kysely's Migrator with a transaction for each migration, a lock of its own, time limits and checksums. */
import type { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { MigrationInfo, MigrationResult, MigrationResultSet, NoMigrations } from 'kysely/migration'
import { InvalidArgumentError } from '../errors.ts'
import { explainMigrationError } from './explain-migration-error.ts'
import { readHistory } from './migration-history.ts'
import type { MigrationHistory } from './migration-history.ts'
import { withLock } from './migration-lock.ts'
import { resolveRunnerOptions } from './migration-options.ts'
import type { ResolvedRunnerOptions, RunnerOptions } from './migration-options.ts'
import { createRecords, lockTableOf, readRecords } from './migration-records.ts'
import { readMigrations } from './migration-source.ts'
import { readStatus } from './migration-status.ts'
import type { MigrationStatus } from './migration-status.ts'
import { stepsDown, stepsTo, stepsUp } from './migration-steps.ts'
import type { MigrationStep, MigrationTarget } from './migration-steps.ts'
import { runMigration } from './run-migration.ts'

/** {@link RunnerOptions} and where to run: a Kysely of `migrationDialect`. */
export interface SafeMigratorOptions extends RunnerOptions {
  // as Kysely's Migrator has it: of any schema
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly db: Kysely<any>
}

/**
 * A Kysely Migrator that gives each migration a transaction of its own: what has run stays, and no lock is held for longer.
 *
 * It stands where a Migrator is wanted, as in the `kysely.config.ts` of kysely-ctl, and works on the same table: either
 * goes on where the other stopped. As with Kysely's its methods do not throw: look at `error`, which is one of the library.
 *
 * ```ts
 * migrations: { migrator: (db) => new SafeMigrator({ db, provider, schema: 'public' }) }
 * ```
 *
 * Kysely's `disableTransactions` does nothing here: a migration says so itself, with `export const config`.
 */
export class SafeMigrator extends Migrator {
  readonly #db: Kysely<unknown>
  readonly #options: ResolvedRunnerOptions

  /** @throws {InvalidArgumentError} when an option is not what it should be, or `db` is a transaction. */
  constructor({ db, ...options }: SafeMigratorOptions) {
    const resolved = resolveRunnerOptions(options)
    super({
      db,
      provider: resolved.provider,
      migrationTableSchema: resolved.schema,
      migrationTableName: resolved.table,
      migrationLockTableName: lockTableOf(resolved),
    })
    if (db.isTransaction)
      throw new InvalidArgumentError('db', 'must not be a transaction: each migration has its own')
    this.#db = db
    this.#options = resolved
  }

  /** Lists what the source has, and when it ran; changes nothing, waits for nobody, and throws what goes wrong. */
  override async getMigrations(): Promise<readonly MigrationInfo[]> {
    const records = (await readRecords(this.#db, this.#options)) ?? []
    const executedAt = new Map(records.map((record) => [record.name, record.executedAt]))
    const migrations = await readMigrations(this.#options.provider)
    return migrations.map(({ name, up, down }) => {
      const migration = down === undefined ? { up } : { up, down }
      const at = executedAt.get(name)
      return at === undefined ? { name, migration } : { name, migration, executedAt: at }
    })
  }

  /** Says of each migration whether it has run, was edited since or is gone; changes nothing, and throws what goes wrong. */
  async status(): Promise<readonly MigrationStatus[]> {
    return await readStatus(this.#db, this.#options)
  }

  /** Runs every migration that has not run yet. */
  override async migrateToLatest(): Promise<MigrationResultSet> {
    return await this.up()
  }

  /** Runs the next one. */
  override async migrateUp(): Promise<MigrationResultSet> {
    return await this.up({ count: 1 })
  }

  /** Takes the last one back. */
  override async migrateDown(): Promise<MigrationResultSet> {
    return await this.down()
  }

  /** Runs the pending ones up to this one, or takes those after it back: whichever leads there. */
  override async migrateTo(to: string | NoMigrations): Promise<MigrationResultSet> {
    return await this.#migrate((history) => stepsTo(history, to))
  }

  /** Runs pending migrations: all of them, up to `to`, or `count`. */
  async up(target: MigrationTarget = {}): Promise<MigrationResultSet> {
    return await this.#migrate((history) => stepsUp(history, target))
  }

  /** Takes migrations back, the latest first: the last one, all after `to`, or `count`. */
  async down(target: MigrationTarget = {}): Promise<MigrationResultSet> {
    return await this.#migrate((history) => stepsDown(history, target))
  }

  async #migrate(
    choose: (history: MigrationHistory) => readonly MigrationStep[],
  ): Promise<MigrationResultSet> {
    const results: MigrationResult[] = []
    let isTransactional = true
    try {
      await withLock(this.#db, this.#options, async (db) => {
        await createRecords(db, this.#options)
        const steps = choose(await readHistory(db, this.#options))
        results.push(...steps.map((step) => resultOf(step, 'NotExecuted')))
        for (const [index, step] of steps.entries()) {
          isTransactional = step.migration.isTransactional
          results[index] = resultOf(step, 'Error')
          await this.#run(db, step, index === steps.length - 1)
          results[index] = resultOf(step, 'Success')
        }
      })
      return { results }
    } catch (error) {
      const run = { ...this.#options, results, isTransactional }
      return { error: await explainMigrationError(this.#db, error, run), results }
    }
  }

  async #run(db: Kysely<unknown>, step: MigrationStep, isLast: boolean): Promise<void> {
    const { onProgress } = this.#options
    const [{ name }, { direction }] = [step.migration, step]
    const start = performance.now()
    onProgress({ kind: 'running', name, direction })
    try {
      await runMigration(db, step, { ...this.#options, isLast })
    } catch (error) {
      onProgress({ kind: 'failed', name, direction })
      throw error
    }
    onProgress({ kind: 'done', name, direction, duration: Math.round(performance.now() - start) })
  }
}

function resultOf(
  { migration, direction }: MigrationStep,
  status: MigrationResult['status'],
): MigrationResult {
  return { migrationName: migration.name, direction, status }
}
