/** How values arrive: `pg`'s parsers, dates and numerics as text, and the types of extensions by their name. */
import type pg from 'pg'

/** Turns the text form of a value into what a row holds. */
export type TypeParser = (text: string) => unknown

type Format = 'text' | 'binary'

/**
 * The type parsers of one pool.
 *
 * The types of an extension have another oid in every database, so they are given by name and found out once, on the
 * first connection.
 */
export class TypeParsers {
  readonly #byName: Readonly<Record<string, TypeParser>>
  readonly #byOid: Map<number, TypeParser> = new Map()
  readonly #builtins: number
  /** pg types the oids it knows as a closed list; it takes any. */
  readonly #parserOf: (oid: number, format?: Format) => TypeParser

  constructor(types: typeof pg.types, byName: Readonly<Record<string, TypeParser>>) {
    this.#byName = byName
    this.#parserOf = types.getTypeParser
    // a date has no time zone: a JavaScript Date would shift it by a day for half of the world
    this.#byOid.set(types.builtins.DATE, String)
    this.#byOid.set(dateArray, this.#parserOf(textArray))
    // pg would make floating point of the elements, which a single numeric is spared
    this.#byOid.set(numericArray, this.#parserOf(textArray))
    this.#builtins = this.#byOid.size
  }

  /** Asks the server, which may take `timeout` milliseconds, for the oids of the named types that are not known yet. */
  async load(client: pg.ClientBase, timeout: number): Promise<void> {
    const names = Object.keys(this.#byName)
    if (this.#byOid.size === this.#builtins + names.length) return
    // the option is pg's, for one query; its types know it for all queries of a client only
    const query = { text: typesQuery, values: [names, 'b'], query_timeout: timeout }
    const { rows } = await client.query<{ oid: number; name: string }>(query)
    for (const { oid, name } of rows) {
      const parser = this.#byName[name]
      if (parser !== undefined) this.#byOid.set(oid, parser)
    }
  }

  /** The interface that `pg` asks: the parser of a type in a format. */
  getTypeParser(oid: number, format: Format = 'text'): TypeParser {
    return (format === 'text' ? this.#byOid.get(oid) : undefined) ?? this.#parserOf(oid, format)
  }
}

const typesQuery =
  'select oid, typname::text as name from pg_catalog.pg_type where typname = any($1) and typtype = $2'

const dateArray = 1182
const numericArray = 1231
const textArray = 1009
