/** One domain as a Mermaid diagram, which GitHub draws. */
import { chooseColumns } from './picture-columns.ts'
import type { PictureColumn } from './picture-columns.ts'
import type { Reference, SchemaTable } from './read-schema.ts'

/**
 * Writes the tables with the columns that matter most, and a line for each reference that they make; what they refer to in
 * other domains is a bare name.
 *
 * The grammar is narrow: no space, comma or quote in the type of a column, no quote in a label.
 */
export function drawMermaid(tables: readonly SchemaTable[]): string {
  const references = tables.flatMap((table) => table.refersTo).filter((reference) => !reference.isTenant)
  return ['erDiagram', ...references.map(relationship), ...tables.flatMap(entity)].join('\n')
}

function relationship({ table, columns, target, isOptional, isUnique }: Reference): string {
  const symbols = `${isOptional ? '|o' : '||'}--${isUnique ? 'o|' : 'o{'}`
  return `  ${name(target)} ${symbols} ${name(table)} : "${columns.join(', ').replaceAll('"', "'")}"`
}

function entity(table: SchemaTable): readonly string[] {
  const { columns } = chooseColumns(table, 10)
  // an empty pair of braces is a syntax error in older versions
  if (columns.length === 0) return [`  ${name(table.name)}`]
  return [`  ${name(table.name)} {`, ...columns.map((column) => `    ${attribute(column)}`), '  }']
}

function attribute(column: PictureColumn): string {
  const marks = [
    ...(column.isPrimary ? ['PK'] : []),
    ...(column.isForeign ? ['FK'] : []),
    ...(column.isUnique ? ['UK'] : []),
  ]
  return [attributeType(column.type), column.name.replaceAll(/[^\w-]/gu, '_'), marks.join(', ')]
    .join(' ')
    .trimEnd()
}

/** The type without what the grammar refuses: `numeric(10,2)` becomes `numeric`. */
function attributeType(type: string): string {
  return type.replaceAll(/\([^)]*,[^)]*\)/gu, '').replaceAll(/[^\w()[\]-]/gu, '_')
}

function name(table: string): string {
  return /^[a-z]\w*$/iu.test(table) ? table : `"${table.replaceAll('"', "'")}"`
}
