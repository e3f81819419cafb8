/** One table of the page: what it is, its columns, its keys, and both ends of its references. */
import { code, escapeText, headingLink, markdownItem, markdownTable } from './markdown.ts'
import type { Reference, SchemaColumn, SchemaTable } from './read-schema.ts'

/** Writes the paragraphs about one table; `all` are the tables that can be linked to. */
export function tableSection(table: SchemaTable, all: readonly SchemaTable[]): readonly string[] {
  const link = (name: string): string =>
    all.some((other) => other.name === name) ? headingLink(name) : code(name)
  const rows = table.columns.map((column) => columnRow(column, table.refersTo, link))
  const items = [
    markdownItem('Keys', keysOf(table)),
    markdownItem('Checks', table.checks.map(code)),
    markdownItem('Indexes', indexesOf(table)),
    markdownItem('Partitions', table.partitioning === undefined ? [] : [escapeText(table.partitioning)]),
    markdownItem('Refers to', refersTo(table, link)),
    referredToBy(table, all, link),
  ]
  return [
    `### ${escapeText(table.name)}`,
    ...(table.comment === null ? [] : [escapeText(table.comment)]),
    ...(table.tenantColumn === null ? ['Global: its rows belong to no tenant.'] : []),
    markdownTable(['Column', 'Type', 'Null', 'Default', 'What it is'], rows),
    items.flat().join('\n'),
  ]
}

type Link = (table: string) => string

function columnRow(column: SchemaColumn, references: readonly Reference[], link: Link): readonly string[] {
  const { name, comment, isGenerated, isNullable, jsonType, type, expression } = column
  // a longer one would take the room of the words
  const isShort = expression !== undefined && !isGenerated && expression.length <= 24
  const targets = references.filter(({ columns }) => columns.length === 1 && columns[0] === name)
  const words = [
    comment === null ? [] : escapeText(comment),
    column.values === undefined
      ? []
      : `One of ${column.values.map((value) => code(String(value))).join(', ')}.`,
    column.checks.map((check) => `Check ${code(check)}.`),
    expression === undefined || isShort
      ? []
      : `${isGenerated ? 'Generated' : 'Default'} ${code(expression)}.`,
    targets.map(({ target }) => `→ ${link(target)}`),
  ]
  return [
    code(name),
    jsonType === undefined ? code(type) : `${code(type)} ${jsonType}`,
    isNullable ? 'yes' : '',
    isShort ? code(expression) : '',
    words.flat().join(' '),
  ]
}

function keysOf(table: SchemaTable): readonly string[] {
  return table.indexes
    .filter((index) => index.isUnique)
    .map((index) => `${index.isPrimary ? 'primary' : 'unique'} ${code(withoutBtree(index.definition))}`)
}

function indexesOf(table: SchemaTable): readonly string[] {
  return table.indexes.filter((index) => !index.isUnique).map((index) => code(withoutBtree(index.definition)))
}

/** Leaves out the method that nearly every index has. */
function withoutBtree(definition: string): string {
  return definition.replace(/^btree /u, '')
}

function refersTo(table: SchemaTable, link: Link): readonly string[] {
  return table.refersTo.map(({ columns, target, targetColumns, action }) => {
    const key = targetColumns.join(', ')
    return `${code(columns.join(', '))} → ${link(target)}${key === 'id' ? '' : ` ${code(key)}`}, ${action}`
  })
}

/** Who refers to the table, by what happens to them when a row here is deleted. */
function referredToBy(table: SchemaTable, all: readonly SchemaTable[], link: Link): readonly string[] {
  const source = (reference: Reference): string =>
    `${link(reference.table)} ${code(reference.columns.join(', '))}`
  const actions = Map.groupBy(table.referredToBy, (reference) => reference.action)
  return [...actions]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([action, references]) => {
      const tenants = references.filter((reference) => reference.isTenant)
      const [first] = tenants
      const isEvery = first !== undefined && tenants.length === countTenantTables(all, table)
      const sources = isEvery
        ? [
            `${code(first.columns.join(', '))} of every tenant table (${tenants.length})`,
            ...references.filter((reference) => !reference.isTenant).map(source),
          ]
        : references.map(source)
      return `- Referred to by, ${action}: ${sources.join(', ')}`
    })
}

function countTenantTables(all: readonly SchemaTable[], root: SchemaTable): number {
  return all.filter((table) => table.tenantColumn !== null && table !== root).length
}
