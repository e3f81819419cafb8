/** Gives JSON columns the TypeScript types that the caller names for them. */
import { InvalidArgumentError } from '../errors.ts'
import { qualify } from './describe-schema.ts'
import type { ColumnDescription, JsonTypeName, TableDescription } from './describe-schema.ts'
import { ownNames } from './type-names.ts'

/**
 * Adds the named types to their columns; the keys are `schema.table.column`.
 *
 * @throws {InvalidArgumentError} when a key is no JSON column of these tables, or a name cannot be imported as it is.
 */
export function nameJsonTypes(
  tables: readonly TableDescription[],
  named: Readonly<Record<string, JsonTypeName>> = {},
): readonly TableDescription[] {
  const found = new Set<string>()
  const nameColumn = (table: TableDescription, column: ColumnDescription): ColumnDescription => {
    const key = `${qualify(table.schema, table.name)}.${column.name}`
    const type = Object.hasOwn(named, key) ? named[key] : undefined
    if (type === undefined) return column
    found.add(key)
    if (!isJson(column)) throw new InvalidArgumentError(argument(key), 'names a column that holds no JSON')
    return { ...column, namedType: type }
  }
  checkNames(named)
  const tablesWithNames = tables.map((table) => ({
    ...table,
    columns: table.columns.map((column) => nameColumn(table, column)),
  }))
  for (const key of Object.keys(named)) {
    if (!found.has(key))
      throw new InvalidArgumentError(argument(key), 'names a column that the generated tables do not have')
  }
  return tablesWithNames
}

/** Tells whether a column, or each element of it, is JSON. */
export function isJson({ baseType }: Pick<ColumnDescription, 'baseType'>): boolean {
  return baseType === 'jsonb' || baseType === 'json'
}

function checkNames(named: Readonly<Record<string, JsonTypeName>>): void {
  const modules = new Map<string, string>()
  for (const [key, { name, from }] of Object.entries(named)) {
    if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) || from === '')
      throw new InvalidArgumentError(
        argument(key),
        'must be the name of a type and the module that it is from',
      )
    if (ownNames.has(name))
      throw new InvalidArgumentError(
        argument(key),
        `names a type "${name}", which the file has for something else`,
      )
    if ((modules.get(name) ?? from) !== from)
      throw new InvalidArgumentError(argument(key), `names a second type "${name}" of another module`)
    modules.set(name, from)
  }
}

function argument(key: string): string {
  return `jsonTypes "${key}"`
}
