/** What `related` of a read says, checked: the rows of which tables come with each row. */
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames, isPlainObject } from '../tenancy/arguments.ts'
import { assertColumn } from './column-values.ts'
import type { UntypedFilter } from './filter.ts'
import type { OneTable } from './keyset-page.ts'
import type { ManyOptions, OneOptions } from './row-types.ts'
import { keyColumns } from './table-definition.ts'
import type { TableDefinition } from './table-definition.ts'

/** `related` without its types. */
export type UntypedRelated = (builder: UntypedBuilder) => unknown

interface UntypedBuilder {
  readonly many: (table: TableDefinition, column: string, options?: UntypedOptions) => WantedRows
  readonly one: (table: TableDefinition, column: string, options?: UntypedOptions) => WantedRows
}

interface UntypedOptions {
  readonly columns?: readonly string[] | undefined
  readonly where?: UntypedFilter | undefined
  readonly orderBy?: Readonly<Record<string, unknown>> | undefined
  readonly limit?: number | undefined
  readonly includeDeleted?: boolean | undefined
  readonly related?: UntypedRelated | undefined
}

/** The rows of `table` whose `column` equals `parentColumn` of the row that they come with: all, or the one. */
export class WantedRows {
  readonly isList: boolean
  readonly parent: TableDefinition
  readonly parentColumn: string
  readonly table: TableDefinition
  readonly column: string
  readonly options: UntypedOptions

  constructor({ isList, parent, parentColumn, table, column, options }: WantedRows) {
    this.isList = isList
    this.parent = parent
    this.parentColumn = parentColumn
    this.table = table
    this.column = column
    this.options = options
  }
}

/**
 * The relations that a function asks for with the rows of `parent`, by their properties.
 *
 * @throws {InvalidArgumentError} when it gives anything else, or a name that the rows cannot have beside their columns.
 */
export function readRelations(
  parent: TableDefinition,
  related: unknown,
): readonly { readonly name: string; readonly wanted: WantedRows }[] {
  if (typeof related !== 'function')
    throw new InvalidArgumentError('related', 'must be a function that returns an object of relations')
  const relations: unknown = related(builderFor(parent))
  if (!isPlainObject(relations))
    throw new InvalidArgumentError('related', 'must return an object of relations')
  return Object.entries(relations).map(([name, wanted]) => ({
    name,
    wanted: checkRelation(parent, name, wanted),
  }))
}

function checkRelation(parent: TableDefinition, name: string, wanted: unknown): WantedRows {
  const relation = `relation "${name}"`
  if (Object.hasOwn(parent.columns, name))
    throw new InvalidArgumentError(relation, `has the name of a column of "${parent.name}": choose another`)
  // PostgreSQL cuts a longer name off, and the property would have another name
  if (name === '' || name.startsWith('__') || Buffer.byteLength(name) > 63)
    throw new InvalidArgumentError(relation, 'must have a name of 1 to 63 bytes that does not begin with __')
  if (!(wanted instanceof WantedRows)) throw new InvalidArgumentError(relation, 'must be made by many or one')
  if (wanted.parent !== parent)
    throw new InvalidArgumentError(
      relation,
      `was made for rows of "${wanted.parent.name}": use the innermost many and one`,
    )
  return wanted
}

function builderFor(parent: TableDefinition): UntypedBuilder {
  return {
    many: (table, column, options = {}) => {
      checkTable(table)
      checkOptionNames('option of many', options, manyOptions)
      assertColumn(table, column)
      return new WantedRows({ isList: true, parent, parentColumn: keyOf(parent), table, column, options })
    },
    one: (table, column, options = {}) => {
      checkTable(table)
      checkOptionNames('option of one', options, oneOptions)
      assertColumn(parent, column)
      return new WantedRows({
        isList: false,
        parent,
        parentColumn: column,
        table,
        column: keyOf(table),
        options,
      })
    },
  }
}

const oneNames: readonly (keyof OneOptions<OneTable, 'row'>)[] = ['columns', 'includeDeleted', 'related']
const manyNames: readonly (keyof ManyOptions<OneTable, 'row'>)[] = ['where', 'orderBy', 'limit']
const oneOptions: ReadonlySet<string> = new Set(oneNames)
const manyOptions: ReadonlySet<string> = new Set([...oneNames, ...manyNames])

function checkTable(table: unknown): void {
  if (!isPlainObject(table) || !('columns' in table))
    throw new InvalidArgumentError('table', 'of a relation must be the definition of a table')
}

/** The one column that names a row of the tenant. */
function keyOf(table: TableDefinition): string {
  const [key, ...rest] = keyColumns(table)
  if (key !== undefined && rest.length === 0) return key
  throw new InvalidArgumentError('relation', `needs a key of one column, which "${table.name}" does not have`)
}
