/** What has run, held against what the source has. */
import type { Kysely } from 'kysely'
import { MigrationHistoryError } from '../errors.ts'
import { isEdited } from './checksum.ts'
import type { ResolvedRunnerOptions } from './migration-options.ts'
import { readRecords, updateChecksums } from './migration-records.ts'
import type { ExecutedMigration } from './migration-records.ts'
import { readMigrations } from './migration-source.ts'
import type { KnownMigration } from './migration-source.ts'

/** The migrations of a source, divided by whether they have run; both in the order in which they run. */
export interface MigrationHistory {
  readonly executed: readonly KnownMigration[]
  readonly pending: readonly KnownMigration[]
  /** Have run, and another source is known of them now. */
  readonly edited: readonly KnownMigration[]
  /** Were run without a checksum being noted. */
  readonly unrecorded: readonly KnownMigration[]
}

/**
 * Reads both, refuses what does not fit, and notes the checksums of what was run without this runner.
 *
 * @throws {MigrationHistoryError} when a migration that has run was edited, is gone, or sorts elsewhere now.
 */
export async function readHistory<DB>(
  db: Kysely<DB>,
  options: ResolvedRunnerOptions,
): Promise<MigrationHistory> {
  const records = (await readRecords(db, options)) ?? []
  const history = compareHistory(await readMigrations(options.provider), records)
  if (!options.acceptEdited) refuseEdited(history)
  const { edited, unrecorded } = history
  await updateChecksums(db, options, [...edited, ...unrecorded])
  if (edited.length > 0) options.onProgress({ kind: 'accepted', names: edited.map(({ name }) => name) })
  return history
}

/**
 * Compares the source with what has run.
 *
 * @throws {MigrationHistoryError} when a migration that has run is gone, or the order is another one now. Edited ones are
 *   left to {@link refuseEdited}.
 */
export function compareHistory(
  known: readonly KnownMigration[],
  records: readonly ExecutedMigration[],
): MigrationHistory {
  const recordOf = new Map(records.map((record) => [record.name, record]))
  refuseMissing(known, records)
  const executed = known.filter(({ name }) => recordOf.has(name))
  const pending = known.filter(({ name }) => !recordOf.has(name))
  refuseReordered(executed, pending, records)
  return {
    executed,
    pending,
    edited: executed.filter(({ name, checksum }) =>
      isEdited(recordOf.get(name)?.checksum ?? undefined, checksum),
    ),
    unrecorded: executed.filter(
      ({ name, checksum }) => checksum !== undefined && recordOf.get(name)?.checksum === null,
    ),
  }
}

/** @throws {MigrationHistoryError} when one that has run was edited afterwards. */
export function refuseEdited({ edited }: MigrationHistory): void {
  if (edited.length === 0) return
  const names = edited.map(({ name }) => name)
  throw new MigrationHistoryError(
    'edited',
    names,
    `edited after it had run: ${names.join(', ')}: restore it and write a new migration, or say acceptEdited ` +
      '(--accept-edited) when the database is as the file says',
  )
}

function refuseMissing(known: readonly KnownMigration[], records: readonly ExecutedMigration[]): void {
  const names = new Set(known.map(({ name }) => name))
  const missing = records.map(({ name }) => name).filter((name) => !names.has(name))
  if (missing.length === 0) return
  throw new MigrationHistoryError(
    'missing',
    missing.toSorted(),
    `has run and is not there any more: ${missing.toSorted().join(', ')}: restore it, or use the version of the code ` +
      'that has it',
  )
}

function refuseReordered(
  executed: readonly KnownMigration[],
  pending: readonly KnownMigration[],
  records: readonly ExecutedMigration[],
): void {
  const last = executed.at(-1)?.name
  const early = last === undefined ? [] : pending.filter(({ name }) => name < last).map(({ name }) => name)
  if (early.length > 0) {
    throw new MigrationHistoryError(
      'reordered',
      early,
      `has not run and sorts before ${last}, which has: ${early.join(', ')}: give it a name that sorts after`,
    )
  }
  const byTime = records.toSorted(byExecution).map(({ name }) => name)
  const index = byTime.findIndex((name, position) => executed[position]?.name !== name)
  const [name] = byTime.slice(index, index + 1)
  if (index === -1 || name === undefined) return
  throw new MigrationHistoryError(
    'reordered',
    [name],
    `ran as number ${index + 1} and sorts elsewhere now: ${name}: give the migrations the names back that they had`,
  )
}

/** Kysely notes milliseconds, and several migrations of one transaction may share one. */
function byExecution(a: ExecutedMigration, b: ExecutedMigration): number {
  const difference = a.executedAt.getTime() - b.executedAt.getTime()
  if (difference !== 0) return difference
  return a.name < b.name ? -1 : 1
}
