/** Turns the messages of one statement's rows into objects. */
import type { WireField } from './wire.ts'

type Parser = (text: string) => unknown
type Row = Record<string, unknown>

/** Reads rows of one shape; made once per prepared statement. */
export class RowReader {
  readonly #names: readonly string[]
  readonly #parsers: readonly Parser[]
  readonly #template: Row

  constructor(fields: readonly WireField[], parserOf: (oid: number) => Parser) {
    this.#names = fields.map((field) => field.name)
    this.#parsers = fields.map((field) => parserOf(field.dataTypeID))
    // spreading an object that has every key gives all rows one hidden class; fromEntries makes own properties of any name
    this.#template = Object.fromEntries(this.#names.map((name) => [name, null]))
  }

  /** How the values of a column are read; undefined when the rows have no such column. */
  parserOf(name: string): Parser | undefined {
    return this.#parsers[this.#names.indexOf(name)]
  }

  read(values: readonly (string | null)[]): Row {
    const row = { ...this.#template }
    for (let index = 0; index < values.length; index++) {
      const text = values[index]
      const name = this.#names[index]
      const parse = this.#parsers[index]
      if (name !== undefined && parse !== undefined)
        row[name] = text === null || text === undefined ? null : parse(text)
    }
    return row
  }
}
