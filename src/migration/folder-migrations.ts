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
 * Declarations (`.d.ts`), `index` and `checksums` are left out. Node imports the files as they are. A package that is
 * compiled keeps the checksums of its sources in `checksums.ts`, as `export const checksums`, written from
 * {@link folderChecksums}: they stay the same whatever a compiler makes of the sources.
 *
 * @throws {MigrationError} when the folder cannot be read, a file cannot be imported, or two differ only in their ending.
 */
export function folderMigrations(folder: string): MigrationSource {
  return {
    getMigrations: async () => {
      const migrations: Record<string, Migration> = {}
      for (const [name, path] of await filesOf(folder)) {
        // what it exports is looked at before anything runs
        migrations[name] = (await importFile(`migration ${name}`, path)) as unknown as Migration
      }
      return migrations
    },
    getChecksums: async () => (await keptChecksums(folder)) ?? (await folderChecksums(folder)),
  }
}

/** The checksum of each migration file in a folder, for a list that is kept with a compiled package. */
export async function folderChecksums(folder: string): Promise<Readonly<Record<string, string>>> {
  const checksums: Record<string, string> = {}
  for (const [name, path] of await filesOf(folder)) checksums[name] = await fileChecksum(path)
  return checksums
}

async function keptChecksums(folder: string): Promise<Readonly<Record<string, string>> | undefined> {
  const file = (await list(folder)).find((name) => /^checksums\.m?[tj]s$/.test(name))
  if (file === undefined) return undefined
  const { checksums } = await importFile('the file of checksums', join(resolve(folder), file))
  if (isListOfTexts(checksums)) return checksums
  throw new MigrationError('the file of checksums exports no "checksums": an object of texts by name')
}

function isListOfTexts(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string')
  )
}

const migrationFile = /^(?<name>.+)(?<!\.d)\.m?[tj]s$/

async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const file of (await list(folder)).toSorted()) {
    const name = migrationFile.exec(file)?.groups?.['name']
    if (name === undefined || name === 'index' || name === 'checksums') continue
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

async function importFile(what: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    // a module is an object of what it exports
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MigrationError(`${what} cannot be imported: ${reason}`, { cause })
  }
}
