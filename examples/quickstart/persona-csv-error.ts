/** What can be wrong with a persona CSV. */
export type PersonaCsvProblem =
  | 'not_found'
  | 'not_readable'
  | 'not_a_file'
  | 'not_utf8'
  | 'null_byte'
  | 'line_too_long'
  | 'missing_columns'
  | 'quote_not_closed'
  | 'quote_out_of_place'
  | 'wrong_column_count'
  | 'statement_too_long'
  | 'no_statements'

/**
 * Raised when a persona CSV cannot be read: what is wrong, in which line (the first is 1), and what to do about it.
 *
 * It never quotes the file's content.
 */
export class PersonaCsvError extends Error {
  override readonly name = 'PersonaCsvError'
  readonly code: PersonaCsvProblem
  readonly line: number | undefined

  constructor(code: PersonaCsvProblem, message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`)
    this.code = code
    this.line = line
  }
}
