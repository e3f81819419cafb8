/** Migrations from a folder, with the checksums of their files. */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Migration } from 'kysely/migration'
import { MigrationError } from '../errors.ts'
import { fileChecksum } from './checksum.ts'
import type { MigrationSource } from './migration-source.ts'

/**
 * Takes each `.ts`, `.js`, `.mts` or `.mjs` file of a folder as a migration, named after the file without its ending.
 *
 * ```ts
 * await migrateToLatest({ target: { url }, provider: folderMigrations('migrations'), schema: 'public' })
 * ```
 *
 * Declarations (`.d.ts`) and `index` are left out. Node imports the files as they are.
 *
 * @throws {MigrationError} when the folder cannot be read, a file cannot be imported, or two differ only in their ending.
 */
export function folderMigrations(folder: string): MigrationSource {
  return {
    getMigrations: async () => {
      const migrations: Record<string, Migration> = {}
      for (const [name, path] of await filesOf(folder)) migrations[name] = await importMigration(name, path)
      return migrations
    },
    getChecksums: async () => await folderChecksums(folder),
  }
}

/** The checksum of each migration file in a folder, for a list that is kept with a compiled package. */
export async function folderChecksums(folder: string): Promise<Readonly<Record<string, string>>> {
  const checksums: Record<string, string> = {}
  for (const [name, path] of await filesOf(folder)) checksums[name] = await fileChecksum(path)
  return checksums
}

const migrationFile = /^(?<name>.+)(?<!\.d)\.m?[tj]s$/

async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const file of (await list(folder)).toSorted()) {
    const name = migrationFile.exec(file)?.groups?.['name']
    if (name === undefined || name === 'index') continue
    if (files.has(name))
      throw new MigrationError(`migration ${name} is there twice: take one of its files away`)
    files.set(name, join(resolve(folder), file))
  }
  return files
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    throw new MigrationError('the folder of the migrations cannot be read: is its path right?', { cause })
  }
}

async function importMigration(name: string, path: string): Promise<Migration> {
  try {
    // what it exports is looked at before anything runs
    return (await import(pathToFileURL(path).href)) as Migration
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MigrationError(`migration ${name} cannot be imported: ${reason}`, { cause })
  }
}
