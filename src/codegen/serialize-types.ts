/** Writes the declarations of `types/database.d.ts`. */
import {
  AliasDeclarationNode,
  ExportStatementNode,
  GenericExpressionNode,
  IdentifierNode,
  ImportClauseNode,
  ImportStatementNode,
  LiteralNode,
  PropertyNode,
  TypeScriptSerializer,
  UnionExpressionNode,
} from 'kysely-codegen'
import { columnType } from './column-type.ts'
import { qualify } from './describe-schema.ts'
import type { TableDescription } from './describe-schema.ts'
import { sharedTypes } from './shared-types.ts'
import { nameTypes } from './type-names.ts'
import type { TableNames } from './type-names.ts'

/** What the text of a generated file depends on beside the schema. */
export interface SerializeOptions {
  /** The command in the first line, which a reader runs instead of editing the file. */
  readonly command: string
  /** Where `Vector` comes from. */
  readonly vectorImport: string
  /** Exceptions to the rules of English plurals: `{ data: 'data' }`. */
  readonly singular?: Readonly<Record<string, string>> | undefined
}

/**
 * Writes the types of all tables: value lists, one interface and the row types of each, and `DB`.
 *
 * The keys of `DB` carry the schema (`ibex_core.memories`), and comments of the database become doc comments.
 */
export function serializeTypes(tables: readonly TableDescription[], options: SerializeOptions): string {
  const names = nameTypes(tables, options.singular)
  const parts: string[] = []
  const keys: string[] = []
  for (const table of tables) {
    const key = qualify(table.schema, table.name)
    const named = names.get(key)
    if (named === undefined) continue
    parts.push(...valueLists(table, named), tableInterface(table, named), ...rowTypes(key, named))
    const property = new PropertyNode(key, new IdentifierNode(named.table))
    keys.push(serializer.serializeProperty(property).trimEnd())
  }
  parts.push(documented('Every table and view by its qualified name.', declareInterface('DB', keys)))
  const body = parts.join('\n\n')
  const helpers = usedSharedTypes(body)
  const imports = importStatements([...helpers, body].join('\n'), [
    [options.vectorImport, ['Vector']],
    ...namedTypes(tables),
  ])
  return `${[header(options.command), imports, ...helpers, body].filter((part) => part !== '').join('\n\n')}\n`
}

/** The first line of a generated file. */
export function header(command: string): string {
  return `// Generated from a live database by \`${command}\`: never edit, run it again.`
}

const serializer = new TypeScriptSerializer()

function valueLists(table: TableDescription, { valueLists }: TableNames): readonly string[] {
  return table.columns.flatMap((column) => {
    const name = valueLists.get(column.name)
    if (name === undefined || column.values === undefined) return []
    const values = new UnionExpressionNode(column.values.map((value) => new LiteralNode(value)))
    return [
      documented(
        `The values of \`${qualify(table.schema, table.name)}.${column.name}\`.`,
        declareAlias(name, values),
      ),
    ]
  })
}

function tableInterface(table: TableDescription, names: TableNames): string {
  const properties = table.columns.map((column) => {
    const type = columnType(table, column, names.valueLists.get(column.name))
    const property = serializer.serializeProperty(new PropertyNode(column.name, type)).trimEnd()
    return column.comment === null ? property : documented(column.comment, property)
  })
  const kind = table.isView ? 'view' : 'table'
  const comment = table.comment ?? `The ${kind} \`${qualify(table.schema, table.name)}\`.`
  return documented(comment, declareInterface(names.table, properties))
}

function rowTypes(key: string, { table, row, insert, update }: TableNames): readonly string[] {
  const types: readonly (readonly [string | undefined, string, string])[] = [
    [row, 'Selectable', `A row of \`${key}\`.`],
    [insert, 'Insertable', `What an insert into \`${key}\` takes.`],
    [update, 'Updateable', `What an update of \`${key}\` takes.`],
  ]
  return types.flatMap(([name, wrapper, comment]) => {
    if (name === undefined) return []
    const type = new GenericExpressionNode(wrapper, [new IdentifierNode(table)])
    return [documented(comment, declareAlias(name, type))]
  })
}

function usedSharedTypes(body: string): readonly string[] {
  const used = new Set<string>()
  const add = (name: string): void => {
    if (used.has(name)) return
    used.add(name)
    for (const needed of sharedTypes.get(name)?.needs ?? []) add(needed)
  }
  for (const name of sharedTypes.keys()) if (isMentioned(name, body)) add(name)
  return [...sharedTypes]
    .filter(([name]) => used.has(name))
    .map(([, type]) =>
      documented(
        type.comment,
        serializer.serializeExportStatement(new ExportStatementNode(type.declaration)),
      ),
    )
}

/** A module, and what may be imported from it. */
type Source = readonly [module: string, names: readonly string[]]

/** The types that the caller named for JSON columns, by module. */
function namedTypes(tables: readonly TableDescription[]): readonly Source[] {
  const types = tables.flatMap(({ columns }) => columns.flatMap(({ namedType }) => namedType ?? []))
  const sources = [...new Map(types.map(({ name, from }) => [name, from]))]
  const modules = Map.groupBy(sources, ([, from]) => from)
  return Array.from(modules, ([from, named]) => [from, named.map(([name]) => name)])
}

function importStatements(text: string, sources: readonly Source[]): string {
  return [['kysely', ['ColumnType', 'Insertable', 'Selectable', 'Updateable']] as const, ...sources]
    .map(([source, names]) => ({ source, names: names.filter((name) => isMentioned(name, text)) }))
    .filter(({ names }) => names.length > 0)
    .map(
      ({ source, names }) =>
        new ImportStatementNode(
          source,
          names.map((name) => new ImportClauseNode(name)),
        ),
    )
    .map((statement) => serializer.serializeImportStatement(statement))
    .join('\n')
}

function isMentioned(name: string, text: string): boolean {
  return new RegExp(`\\b${name}\\b`, 'u').test(text)
}

function declareAlias(name: string, type: GenericExpressionNode | UnionExpressionNode): string {
  return serializer.serializeExportStatement(new ExportStatementNode(new AliasDeclarationNode(name, type)))
}

function declareInterface(name: string, properties: readonly string[]): string {
  // the serializer's own interfaces are sorted by the rules of the machine's language; the order of declaration is stable
  const lines = properties.join('\n').replaceAll(/^/gmu, '  ')
  return `export interface ${name} {\n${lines}\n}`
}

function documented(comment: string, declaration: string): string {
  const lines = escapeComment(comment).split(/\r?\n/u)
  const text =
    lines.length === 1
      ? `/** ${lines[0]} */`
      : `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join('\n')}\n */`
  return `${text}\n${declaration}`
}

/** Keeps the text of a comment from ending it. */
function escapeComment(comment: string): string {
  return comment.replaceAll('*/', String.raw`*\/`)
}
