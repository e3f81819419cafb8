/** The columns of a table as they were designed, read from their short form. */
import type { TableExpectation } from './data-model-expectations.ts'

/** One column, as far as it was designed. */
export interface ExpectedColumn {
  readonly name: string
  readonly type: string
  readonly isRequired: boolean | undefined
  readonly default: string | undefined
}

const typeNames: Readonly<Record<string, string>> = {
  timestamptz: 'timestamp with time zone',
  float8: 'double precision',
  'char(64)': 'character(64)',
}

/** Reads `name type! = default, …`. */
export function expectedColumns({ columns }: Pick<TableExpectation, 'columns'>): readonly ExpectedColumn[] {
  return columns.split(/,\s+/).map((column) => {
    const [, name, type, mark, value] = /^(\w+) ([^\s!?]+)([!?]?)(?: = (.+))?$/.exec(column) ?? []
    if (name === undefined || type === undefined) throw new Error(`no column: ${column}`)
    const isRequired = mark === '' ? undefined : mark === '!'
    return { name, type: typeNames[type] ?? type, isRequired, default: value }
  })
}
