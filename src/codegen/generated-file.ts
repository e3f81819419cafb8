/** Generated files on disk: written, or compared with what is committed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { DiffChecker } from 'kysely-codegen'

/** A file as it should be. */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

/** Writes the files, and the folders that they need. */
export async function writeFiles(files: readonly GeneratedFile[]): Promise<void> {
  for (const { path, text } of files) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}

/**
 * Compares the files on disk with what they should be: a unified diff of those that differ, `undefined` when none does.
 *
 * A missing file counts as an empty one. Lines with `+` are what the database says and the file does not.
 */
export async function findDrift(files: readonly GeneratedFile[]): Promise<string | undefined> {
  const diffs: string[] = []
  for (const { path, text } of files) {
    const committed = await readIfThere(path)
    if (committed === text) continue
    diffs.push(
      `--- ${relative(process.cwd(), path)}\n+++ the database\n${new DiffChecker().diff(committed, text) ?? ''}`,
    )
  }
  return diffs.length === 0 ? undefined : diffs.join('\n')
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
