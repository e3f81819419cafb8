/** The names of generated types: `Memories` for the table, `Memory`, `NewMemory` and `MemoryPatch` for its rows. */
import { TypeScriptSerializer } from 'kysely-codegen'
import { qualify } from './describe-schema.ts'
import type { TableDescription } from './describe-schema.ts'
import { sharedTypes } from './shared-types.ts'

/** The names of one table's types. */
export interface TableNames {
  /** The interface of the table, `Memories`. */
  readonly table: string
  /** `Selectable` of it, `Memory`. */
  readonly row: string
  /** `Insertable` of it, `NewMemory`; absent for a view, which takes no rows. */
  readonly insert: string | undefined
  /** `Updateable` of it, `MemoryPatch`; absent for a view. */
  readonly update: string | undefined
  /** The alias of each column's value list: category -> `MemoryCategory`. */
  readonly valueLists: ReadonlyMap<string, string>
}

/**
 * Names the types of every table, by the table's qualified name; no two are alike.
 *
 * A table whose name is taken (by a table of the same name in another schema, by `JsonValue` and its like, or by the type
 * of a JSON column) gets its schema in front. A name that has no plural (`memory_usage`) is the row's; the table is then `MemoryUsageTable`.
 *
 * @param singular exceptions to the rules of English: `{ data: 'data' }`.
 */
export function nameTypes(
  tables: readonly TableDescription[],
  singular: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, TableNames> {
  const { singularize = String } = new TypeScriptSerializer({ singularize: { ...singular } })
  const taken = new Set([...ownNames, ...namedTypes(tables)])
  const shared = Map.groupBy(tables, (table) => pascalCase(table.name))
  const names = new Map<string, MutableNames>()
  for (const table of tables) {
    const isAlone = shared.get(pascalCase(table.name))?.length === 1
    for (const prefix of prefixes(table.schema, isAlone)) {
      const candidate = tableNames(table, prefix, singularize)
      const all = [candidate.table, candidate.row, candidate.insert, candidate.update]
      if (all.some((name) => name !== undefined && taken.has(name))) continue
      for (const name of all) if (name !== undefined) taken.add(name)
      names.set(qualify(table.schema, table.name), candidate)
      break
    }
  }
  // tables come first: a new value list never renames a table
  for (const table of tables) addValueLists(table, names.get(qualify(table.schema, table.name)), taken)
  return names
}

/** What the generated file declares, imports or uses of the language itself, whatever the schema. */
export const ownNames: ReadonlySet<string> = new Set([
  'Buffer',
  'ColumnType',
  'DB',
  'Date',
  'Exclude',
  'Insertable',
  'ReadonlyArray',
  'Selectable',
  'Updateable',
  'Vector',
  ...sharedTypes.keys(),
])

function namedTypes(tables: readonly TableDescription[]): readonly string[] {
  return tables.flatMap(({ columns }) => columns.flatMap(({ namedType }) => namedType?.name ?? []))
}

interface MutableNames extends TableNames {
  readonly valueLists: Map<string, string>
}

function tableNames(
  table: TableDescription,
  prefix: string,
  singularize: (word: string) => string,
): MutableNames {
  const plural = prefix + pascalCase(table.name)
  const row = prefix + pascalCase(singularize(table.name))
  return {
    table: plural === row ? `${row}Table` : plural,
    row,
    insert: table.isView ? undefined : `New${row}`,
    update: table.isView ? undefined : `${row}Patch`,
    valueLists: new Map(),
  }
}

function addValueLists(table: TableDescription, names: MutableNames | undefined, taken: Set<string>): void {
  if (names === undefined) return
  for (const column of table.columns) {
    if (column.values === undefined || column.isArray) continue
    let name = names.row + pascalCase(column.name)
    while (taken.has(name)) name += 'Value'
    taken.add(name)
    names.valueLists.set(column.name, name)
  }
}

function* prefixes(schema: string, isAlone: boolean): Generator<string> {
  if (isAlone) yield ''
  yield pascalCase(schema)
  for (let number = 2; ; number++) yield pascalCase(schema) + number
}

function pascalCase(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? ['unnamed']
  const text = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')
  return /^\p{N}/u.test(text) ? `_${text}` : text
}
