/** Reads the persona CSV: one conversation a record, the statements that describe its two people one a line in two columns. */
import { CsvError, parse, type Parser } from 'csv-parse'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { PersonaCsvError } from './persona-csv-error.ts'
import { utf8Lines } from './utf8-lines.ts'

const personaColumns = ['user 1 personas', 'user 2 personas'] as const
const columns = [...personaColumns, 'Best Generated Conversation'] as const

/** The longest statement in characters: `memories.content` takes no more. */
const maxStatementLength = 8_192

/** One person of a conversation. */
export interface Persona {
  /** The record's number in the file, from 1; the header is not counted. */
  readonly conversation: number
  readonly side: 1 | 2
  readonly statements: readonly string[]
}

/** What a persona CSV holds. */
export interface PersonaCsvSummary {
  readonly conversations: number
  readonly people: number
  readonly statements: number
}

/**
 * Reads the whole file once and counts, so that a mistake in its last line is found before the first row is written.
 *
 * @throws {PersonaCsvError} when the file is missing, is no persona CSV, or holds no statement.
 */
export async function inspectPersonaCsv(path: string): Promise<PersonaCsvSummary> {
  const summary = { conversations: 0, people: 0, statements: 0 }
  for await (const persona of readPersonaCsv(path)) {
    summary.conversations = persona.conversation
    summary.people += persona.statements.length === 0 ? 0 : 1
    summary.statements += persona.statements.length
  }
  if (summary.statements > 0) return summary
  throw new PersonaCsvError(
    'no_statements',
    'the file has no statements: it needs a header and a record at least',
  )
}

/**
 * Reads the people one after the other, two a conversation, in constant memory.
 *
 * A byte order mark, Windows line ends, further columns and another order of the columns are accepted.
 *
 * @throws {PersonaCsvError} with the line and what to do, when the reader gets to it: call {@link inspectPersonaCsv} first.
 */
export async function* readPersonaCsv(path: string): AsyncGenerator<Persona> {
  await requireFile(path)
  let positions: readonly number[] | undefined
  let conversation = 0
  for await (const { fields, line } of readRecords(path)) {
    if (positions === undefined) {
      positions = findColumns(fields, line)
      continue
    }
    conversation += 1
    for (const [index, position] of positions.entries()) {
      const statements = splitStatements(fields[position] ?? '', line)
      yield { conversation, side: index === 0 ? 1 : 2, statements }
    }
  }
}

async function requireFile(path: string): Promise<void> {
  const file = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      throw new PersonaCsvError('not_found', 'no such file: check the path, it is taken from where you are')
    }
    throw new PersonaCsvError('not_readable', `cannot be opened (${error.code}): check its permissions`)
  })
  if (!file.isFile()) {
    // It is read twice, once to check and once to load, which a pipe does not allow.
    throw new PersonaCsvError(
      'not_a_file',
      'not a file: pass the path of a CSV file, not a directory or a pipe',
    )
  }
}

interface CsvRecord {
  readonly fields: readonly string[]
  /** Where the record starts. */
  readonly line: number
}

async function* readRecords(path: string): AsyncGenerator<CsvRecord> {
  const starts: number[] = [1]
  try {
    for await (const fields of openParser(path, starts)) yield { fields, line: starts.shift() ?? 1 }
  } catch (error) {
    throw explain(error, starts.at(-1) ?? 1)
  }
}

/** Parses ahead of its reader: `starts` ends with the line of the record that is being parsed, and so of an error. */
function openParser(path: string, starts: number[]): AsyncIterable<string[]> {
  const parser: Parser = parse({
    record_delimiter: '\n',
    skip_empty_lines: true,
    max_record_size: 1_000_000,
    on_record: (fields, { lines }) => {
      starts.push(lines + 1)
      return fields
    },
  })
  // A failure of any stage destroys the parser with that error, and its reader gets it.
  pipeline(createReadStream(path), utf8Lines, parser, () => undefined)
  return parser
}

function explain(error: unknown, start: number): unknown {
  if (!(error instanceof CsvError)) return unreadable(error) ?? error
  const line = 'lines' in error && typeof error.lines === 'number' ? error.lines : start
  if (error.code === 'CSV_QUOTE_NOT_CLOSED' || error.code === 'CSV_MAX_RECORD_SIZE') {
    return new PersonaCsvError(
      'quote_not_closed',
      'a quote of the record that starts here is not closed: close it',
      start,
    )
  }
  if (error.code.startsWith('CSV_RECORD_INCONSISTENT')) {
    return new PersonaCsvError(
      'wrong_column_count',
      'not as many columns as the header: put the field in quotes',
      start,
    )
  }
  const advice = 'a quote is out of place: put the whole field in quotes and double the quotes within it'
  return new PersonaCsvError('quote_out_of_place', advice, line)
}

function unreadable(error: unknown): PersonaCsvError | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return new PersonaCsvError('not_readable', `cannot be read (${String(error.code)}): check its permissions`)
}

function findColumns(header: readonly string[], line: number): number[] {
  const names = header.map((name) => name.trim())
  const missing = columns.filter((column) => !names.includes(column))
  if (missing.length === 0) return personaColumns.map((column) => names.indexOf(column))
  const list = missing.map((column) => `"${column}"`).join(', ')
  const advice = 'the header must name them, separated by commas'
  throw new PersonaCsvError(
    'missing_columns',
    `missing ${missing.length === 1 ? 'column' : 'columns'} ${list}: ${advice}`,
    line,
  )
}

function splitStatements(field: string, line: number): string[] {
  const statements = field.split('\n').map((statement) => statement.trim())
  if (statements.some((statement) => statement.length > maxStatementLength)) {
    const advice = `a statement of the record that starts here is longer than ${maxStatementLength} characters: shorten it`
    throw new PersonaCsvError('statement_too_long', advice, line)
  }
  return statements.filter((statement) => statement !== '')
}
