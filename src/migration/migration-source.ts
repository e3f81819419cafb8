/** What the runner takes migrations from: Kysely's providers, and what they may say more. */
import type { Migration, MigrationProvider } from 'kysely/migration'
import { MigrationError } from '../errors.ts'

/**
 * Gives the migrations by their names, as Kysely's provider does, and the checksums of their sources where it has them.
 *
 * A checksum is `<kind>:<digest>`; two of different kinds are not compared. {@link folderMigrations} hashes the files that
 * it imports; a package that is compiled keeps a list, which stays the same whatever the build makes of the sources.
 */
export interface MigrationSource extends MigrationProvider {
  getChecksums?(): Promise<Readonly<Record<string, string>>>
}

/** How one migration wants to be run: a module says it with `export const config`, in the shape of Kysely 0.30. */
export interface MigrationConfig {
  /**
   * `false` runs it outside a transaction, for `create index concurrently`. It is noted only after its end, so a runner that
   * is killed in the middle runs it again from its beginning: it must be able to.
   */
  readonly transaction?: boolean
}

/** A migration that the source knows. */
export interface KnownMigration {
  readonly name: string
  readonly up: Migration['up']
  readonly down: Migration['down']
  readonly isTransactional: boolean
  /** Absent when the source has none: an edit goes unnoticed. */
  readonly checksum: string | undefined
}

/** The column of Kysely's table that holds the names. */
const longestName = 255

/**
 * Reads what the source has, in the order in which it runs: by the code units of the names, as Kysely sorts.
 *
 * @throws {MigrationError} when one has no `up`, a name that is empty or too long, or a `config` that is none.
 */
export async function readMigrations(source: MigrationSource): Promise<readonly KnownMigration[]> {
  const migrations = await source.getMigrations()
  const checksums = (await source.getChecksums?.()) ?? {}
  return Object.keys(migrations)
    .toSorted()
    .map((name) => knownMigration(name, migrations[name], checksums[name]))
}

function knownMigration(
  name: string,
  migration: (Partial<Migration> & { readonly config?: unknown }) | undefined,
  checksum: string | undefined,
): KnownMigration {
  if (name.trim() === '' || name.length > longestName) {
    throw new MigrationError(`a migration needs a name of 1 to ${longestName} characters`)
  }
  if (typeof migration?.up !== 'function') {
    throw new MigrationError(`migration ${name} has no function "up": export one, or take the file away`)
  }
  const { up, down, config } = migration
  return { name, up, down, isTransactional: isTransactional(name, config), checksum }
}

function isTransactional(name: string, config: unknown): boolean {
  if (config === undefined) return true
  if (typeof config === 'object' && config !== null) {
    const { transaction = true, ...rest } = config as MigrationConfig
    if (typeof transaction === 'boolean' && Object.keys(rest).length === 0) return transaction
  }
  // a misspelt one would take a table's lock for as long as an index takes
  throw new MigrationError(`migration ${name} has a "config" that is not { transaction: true | false }`)
}
