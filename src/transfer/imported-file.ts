/** The lines of an export that is read, digested on their way and held against the last one. */
import { createHash } from 'node:crypto'
import { InvalidExportError } from '../errors.ts'
import { parseLine } from './export-format.ts'
import type { ExportFooter, ExportedRow } from './export-format.ts'
import type { Line } from './read-lines.ts'
import { rootTable } from './transfer-plan.ts'

/** A row with its line. */
export interface ReadRow extends ExportedRow {
  readonly number: number
  /** The length of the line in bytes. */
  readonly size: number
}

/** The rest of an export after its first line. */
export class ImportedFile {
  readonly #lines: AsyncIterable<Line>
  readonly #hash = createHash('sha256')
  #footer: ExportFooter | undefined
  #last: number

  constructor(first: Line, lines: AsyncIterable<Line>) {
    this.#lines = lines
    this.#last = first.number
    this.#digest(first)
  }

  /**
   * Yields the rows, and ends when the last line was found to be right and to be the last.
   *
   * @throws {InvalidExportError} when it was not, and when a line is no line of an export.
   */
  async *rows(): AsyncGenerator<ReadRow> {
    for await (const line of this.#lines) {
      const { number } = line
      if (this.#footer !== undefined) throw new InvalidExportError(number, 'comes after the end')
      this.#last = number
      const parsed = parseLine(line.text, number)
      if ('sha256' in parsed) {
        if (parsed.sha256 !== this.#hash.digest('hex'))
          throw new InvalidExportError(
            number,
            'does not fit the lines before it: the export was changed or damaged',
          )
        this.#footer = parsed
        continue
      }
      this.#digest(line)
      yield { ...parsed, number, size: line.bytes.length }
    }
    if (this.#footer === undefined)
      throw new InvalidExportError(this.#last + 1, 'is missing: the export is cut off')
  }

  /** @throws {InvalidExportError} when the last line has counted other rows. */
  compare(rows: Readonly<Record<string, number>>): void {
    const counted = this.#footer?.rows ?? {}
    if (counted[rootTable] !== 1)
      throw new InvalidExportError(this.#last, 'has counted another number of organizations than one')
    const names = new Set([...Object.keys(rows), ...Object.keys(counted)])
    for (const name of names)
      if (rows[name] !== counted[name])
        throw new InvalidExportError(this.#last, 'has counted other rows than there are')
  }

  #digest({ bytes }: Line): void {
    this.#hash.update(bytes).update('\n')
  }
}
