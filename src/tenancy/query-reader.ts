/** Rows of one statement that are read in a way of their own, with the parsers of its connection. */
import type { CompiledQuery } from 'kysely'

type Row = Record<string, unknown>
type Parser = (text: string) => unknown

/** Makes what is returned out of rows; `parserOf` gives the parser of a column of the result. */
export type ReadRows = (
  rows: readonly Row[],
  parserOf: (column: string) => Parser | undefined,
) => readonly Row[]

const readerKey: unique symbol = Symbol('ibex reader')

interface QueryWithReader {
  readonly [readerKey]?: ReadRows
}

/** Returns the compiled query with a function that its rows pass through. */
export function withReader<O>(query: CompiledQuery<O>, read: ReadRows): CompiledQuery<O> {
  return { ...query, [readerKey]: read } as CompiledQuery<O>
}

/** The function that {@link withReader} attached. */
export function readerOf(query: CompiledQuery): ReadRows | undefined {
  // the key is a private symbol: nothing but withReader can have set it
  return (query as QueryWithReader)[readerKey]
}
