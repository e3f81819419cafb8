/** What has run and what has not, for people: nothing is changed, and nobody is waited for. */
import type { Kysely } from 'kysely'
import { isEdited } from './checksum.ts'
import type { ResolvedRunnerOptions } from './migration-options.ts'
import { readRecords } from './migration-records.ts'
import type { ExecutedMigration } from './migration-records.ts'
import { readMigrations } from './migration-source.ts'
import type { KnownMigration } from './migration-source.ts'

/** A migration of the source, or one that has run and is not there any more. */
export interface MigrationStatus {
  readonly name: string
  readonly executedAt: Date | undefined
  readonly state: 'executed' | 'edited' | 'missing' | 'pending'
  readonly isTransactional: boolean
}

/** Lists what the source has and what has run, in the order of the names. */
export async function readStatus<DB>(
  db: Kysely<DB>,
  options: Pick<ResolvedRunnerOptions, 'provider' | 'schema' | 'table'>,
): Promise<readonly MigrationStatus[]> {
  const records = new Map(((await readRecords(db, options)) ?? []).map((record) => [record.name, record]))
  const known = new Map((await readMigrations(options.provider)).map((one) => [one.name, one]))
  const names = [...new Set([...known.keys(), ...records.keys()])].toSorted()
  return names.map((name) => statusOf(name, known.get(name), records.get(name)))
}

function statusOf(
  name: string,
  migration: KnownMigration | undefined,
  record: ExecutedMigration | undefined,
): MigrationStatus {
  return {
    name,
    executedAt: record?.executedAt,
    state: stateOf(migration, record),
    isTransactional: migration?.isTransactional ?? true,
  }
}

function stateOf(
  migration: KnownMigration | undefined,
  record: ExecutedMigration | undefined,
): MigrationStatus['state'] {
  if (migration === undefined) return 'missing'
  if (record === undefined) return 'pending'
  return isEdited(record.checksum ?? undefined, migration.checksum) ? 'edited' : 'executed'
}
