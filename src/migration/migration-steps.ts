/** Which migrations to run, and which way. Pure functions: they ask nobody. */
import type { NoMigrations } from 'kysely/migration'
import { InvalidArgumentError, MigrationError } from '../errors.ts'
import type { MigrationHistory } from './migration-history.ts'
import type { KnownMigration } from './migration-source.ts'

/** One migration, one way. */
export interface MigrationStep {
  readonly migration: KnownMigration
  readonly direction: 'Up' | 'Down'
}

/** How far: to the migration of this name, or so many. */
export interface MigrationTarget {
  readonly to?: string | NoMigrations | undefined
  readonly count?: number | undefined
}

/**
 * The pending migrations up to `to`, which is the last one that runs, or the first `count`; all without either.
 *
 * @throws {InvalidArgumentError} when there is no migration of this name, or it has run.
 */
export function stepsUp({ pending, executed }: MigrationHistory, target: MigrationTarget): MigrationStep[] {
  const { to, count = pending.length } = target
  if (to === undefined) return pending.slice(0, count).map(upwards)
  const index = pending.findIndex(({ name }) => name === to)
  if (index === -1) {
    const hasRun = executed.some(({ name }) => name === to)
    throw new InvalidArgumentError(
      'to',
      hasRun ? 'names a migration that has run already' : 'names no migration',
    )
  }
  return pending.slice(0, index + 1).map(upwards)
}

/**
 * The executed migrations after `to`, which stays, or the last `count` (default 1), the latest first.
 *
 * @throws {InvalidArgumentError} when there is no migration of this name, or it has not run.
 * @throws {MigrationError} when one of them has no `down`.
 */
export function stepsDown({ executed, pending }: MigrationHistory, target: MigrationTarget): MigrationStep[] {
  const { to, count = 1 } = target
  const undone = to === undefined ? executed.slice(Math.max(0, executed.length - count)) : after(to)
  const oneWay = undone.find(({ down }) => down === undefined)
  if (oneWay !== undefined) {
    throw new MigrationError(`migration ${oneWay.name} has no function "down": it cannot be taken back`)
  }
  return undone.toReversed().map((migration) => ({ migration, direction: 'Down' }))

  function after(to: string | NoMigrations): readonly KnownMigration[] {
    if (typeof to !== 'string') return executed
    const index = executed.findIndex(({ name }) => name === to)
    if (index !== -1) return executed.slice(index + 1)
    const isPending = pending.some(({ name }) => name === to)
    throw new InvalidArgumentError(
      'to',
      isPending ? 'names a migration that has not run' : 'names no migration',
    )
  }
}

/** Up to a pending migration, down to an executed one: what Kysely's `migrateTo` means. */
export function stepsTo(history: MigrationHistory, to: string | NoMigrations): MigrationStep[] {
  const isPending = history.pending.some(({ name }) => name === to)
  return isPending ? stepsUp(history, { to }) : stepsDown(history, { to })
}

function upwards(migration: KnownMigration): MigrationStep {
  return { migration, direction: 'Up' }
}
