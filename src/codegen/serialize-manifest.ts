/** Writes `types/tables.ts`: what the run time needs to know of every table. */
import { qualify } from './describe-schema.ts'
import type { TableDescription } from './describe-schema.ts'
import { header } from './serialize-types.ts'

/** What the text of the manifest depends on beside the schema. */
export interface ManifestOptions {
  /** The command in the first line. */
  readonly command: string
  /** Where the type `TableDefinition` comes from. */
  readonly definitionImport: string
}

/**
 * Writes the manifest of all tables, by qualified name; views are left out, nothing can be written to them.
 *
 * A table is softly deleted when it has a `deleted_at` with time zone.
 */
export function serializeManifest(tables: readonly TableDescription[], options: ManifestOptions): string {
  const entries = tables.filter((table) => !table.isView).map(serializeTable)
  return [
    header(options.command),
    `import type { TableDefinition } from ${quote(options.definitionImport)}`,
    '',
    '/** Every table by its qualified name, as the database has it. */',
    'export const tables = {',
    ...entries,
    '} as const',
    '',
    // apart from the declaration, whose type could not be read from it alone under isolatedDeclarations
    'tables satisfies Record<string, TableDefinition>',
    '',
  ].join('\n')
}

function serializeTable(table: TableDescription): string {
  const { columns, primaryKey, tenantColumn } = table
  const name = qualify(table.schema, table.name)
  const softDelete = columns.some(
    (column) =>
      column.name === 'deleted_at' && column.type === 'timestamp with time zone' && column.isNullable,
  )
  return [
    `  ${quote(name)}: {`,
    `    name: ${quote(name)},`,
    '    columns: {',
    ...columns.map((column) => `      ${quote(column.name)}: ${quote(column.type)},`),
    '    },',
    `    primaryKey: ${list(primaryKey)},`,
    `    tenantColumn: ${tenantColumn === null ? 'null' : quote(tenantColumn)},`,
    `    softDeleteColumn: ${softDelete ? quote('deleted_at') : 'null'},`,
    `    generatedColumns: ${list(columns.filter((column) => column.isGenerated).map((column) => column.name))},`,
    `    nullableColumns: ${list(columns.filter((column) => column.isNullable).map((column) => column.name))},`,
    '  },',
  ].join('\n')
}

function list(names: readonly string[]): string {
  return `[${names.map(quote).join(', ')}]`
}

function quote(text: string): string {
  const escaped = JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(String.raw`\"`, '"')
    .replaceAll("'", String.raw`\'`)
  return `'${escaped}'`
}
