/** Files that a script generates and the repository holds: written, or compared with what is committed. */
import { relative } from 'node:path'
import { findDrift, writeFiles } from '../src/codegen/generated-file.ts'
import type { GeneratedFile } from '../src/codegen/generated-file.ts'
import { ScriptError } from './command-line.ts'

/** What is done with the files. */
export interface CommitOptions {
  /** Writes nothing, and fails when a file is not what it should be. */
  readonly check?: boolean | undefined
  /** The command that writes them, for a reader of the failure. */
  readonly command: string
}

/**
 * Writes the files, or with `check` compares them.
 *
 * @throws {ScriptError} with the difference of the first file that is not what it should be.
 */
export async function writeOrCompare(
  files: readonly GeneratedFile[],
  { check, command }: CommitOptions,
): Promise<void> {
  const names = files.map((file) => relative(process.cwd(), file.path)).join(' and ')
  if (check !== true) {
    await writeFiles(files)
    console.log(`wrote ${names}`)
    return
  }
  for (const file of files) {
    const drift = await findDrift([file])
    if (drift === undefined) continue
    throw new ScriptError(
      `${shorten(drift)}\n\nthe generated files are not what the database says: run ${command}`,
    )
  }
  console.log(`up to date: ${names}`)
}

/** Cuts off what nobody reads: long differences by their lines, and the lines of a picture by their characters. */
function shorten(text: string): string {
  const [lines, most, longest] = [text.split('\n'), 60, 240]
  const shown = lines
    .slice(0, most)
    .map((line) => (line.length > longest ? `${line.slice(0, longest)} …` : line))
  const rest = lines.length - most
  return [...shown, ...(rest > 0 ? [`… and ${rest} more lines`] : [])].join('\n')
}
