/** The command line of the quickstart. */
import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface QuickstartArguments {
  readonly help: boolean
  /** The persona CSV to load instead of the sample. */
  readonly file: string | undefined
}

/** Raised when the command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What `--help` prints. */
export const usage = `usage: npm run quickstart [-- <file.csv>]

  Migrates the database, loads a small sample, searches it as two organizations,
  and tries to cross from one organization to another. Safe to run again.

  <file.csv>     load a persona CSV over four organizations instead; columns:
                 "user 1 personas", "user 2 personas" (one statement a line)
                 and "Best Generated Conversation" (not loaded yet)
  -h, --help     show this

  DATABASE_URL   the PostgreSQL server to use, with pgvector;
                 without it a database in this process, kept in .ibex`

/**
 * Parses the command line.
 *
 * @throws {UsageError} when there is an unknown option or more than one file.
 */
export function parseArguments(args: readonly string[]): QuickstartArguments {
  const { values, positionals } = parse([...args])
  const [file, ...others] = positionals
  if (others.length > 0) throw new UsageError('more than one file: pass one, or none for the sample')
  if (file === '') throw new UsageError('the file name is empty: pass the path of a CSV file')
  return { help: values.help ?? false, file }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } } })
  } catch (error) {
    // node:util says what is wrong in its first sentence; the rest explains the syntax of parseArgs.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    throw new UsageError(`${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}: see --help`)
  }
}
