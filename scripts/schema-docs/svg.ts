/** The picture of the whole schema: domains in columns, tables in domains, a line for each reference. */
import { Graphviz } from '@hpcc-js/wasm-graphviz'
import { arrange, boxDot, measure, placeColumns } from './boxes.ts'
import type { Box, NodeDot } from './boxes.ts'
import type { DomainTables } from './domains.ts'
import { dotDefaults, escapeHtml, framedNode, line, tableNode, textNode } from './dot.ts'
import type { Line } from './dot.ts'
import { commonColumns } from './picture-columns.ts'
import type { SchemaTable } from './read-schema.ts'

type Group = DomainTables<SchemaTable>

/**
 * Draws the tables as an SVG; the same tables give the same bytes, whatever the machine.
 *
 * Graphviz arranges each domain alone, the domains are put into their columns, and Graphviz draws the lines around the
 * tables. When it arranges everything in one go it stacks the domains, and 34 tables become 1,450 by 3,440 points.
 */
export async function drawSvg(groups: readonly Group[], schema: string): Promise<string> {
  const graphviz = await Graphviz.load()
  const texts = describe(groups, schema)
  const columns = Map.groupBy(groups, ({ domain }) => domain.picture.column)
  const boxes = placeColumns(
    [...columns]
      .toSorted(([a], [b]) => a - b)
      .map(([, column]) => column.map((group) => arrange(graphviz, domainBox(group)))),
    arrange(graphviz, legend()),
  )
  const graph = [
    'graph [bgcolor="#ffffff", pad=0.4, splines=true]',
    dotDefaults,
    headerAbove(graphviz, texts),
    ...boxes.map(boxDot),
    ...boxes.flatMap((box) => box.lines),
    ...linesBetween(groups),
  ]
  return finish(graphviz.layout(`digraph {\n${graph.join('\n')}\n}`, 'svg', 'neato', { nop: 2 }), texts)
}

function domainBox({ domain, tables }: Group): Box {
  const { colour, flow } = domain.picture
  const nodes = tables.map((table): [string, NodeDot] => [
    table.name,
    (position) => tableNode(table, colour, position),
  ])
  const names = new Set(tables.map((table) => table.name))
  const lines = tables.flatMap(linesOf).filter(({ target }) => names.has(target))
  return {
    name: domain.name,
    colour,
    flow,
    nodes: new Map(nodes),
    lines: lines.map((one) => line(one, colour)),
  }
}

function linesBetween(groups: readonly Group[]): readonly string[] {
  const domainOf = new Map(groups.flatMap(({ domain, tables }) => tables.map(({ name }) => [name, domain])))
  return groups.flatMap(({ domain, tables }) =>
    tables
      .flatMap(linesOf)
      // a table of another schema has no domain and is not drawn
      .filter(({ target }) => domainOf.has(target) && domainOf.get(target) !== domain)
      .map((one) => line(one, domain.picture.colour)),
  )
}

/** One line to each table that is referred to, however often: lines between the same two would lie on each other. */
function linesOf(table: SchemaTable): readonly Line[] {
  const references = table.refersTo.filter((reference) => !reference.isTenant)
  return [...Map.groupBy(references, ({ target }) => target)].map(([target, same]) => ({
    source: table.name,
    target,
    isOptional: same.every((reference) => reference.isOptional),
    isUnique: same.every((reference) => reference.isUnique),
    isDetour: table.name < target && table.referredToBy.some((back) => back.table === target),
  }))
}

/** What the picture says about itself. */
interface Texts {
  readonly title: string
  /** Lines under the title. */
  readonly notes: readonly string[]
  /** For who hears the picture instead of seeing it. */
  readonly description: string
}

function describe(groups: readonly Group[], schema: string): Texts {
  const times = commonColumns.filter((column) => column !== 'org_id')
  const count = groups.reduce((sum, { tables }) => sum + tables.length, 0)
  const domains = groups.map(
    ({ domain, tables }) => `${domain.name}: ${tables.map(describeTable).join(', ')}.`,
  )
  return {
    title: `The data model of ${schema}`,
    notes: [
      `${count} tables in ${groups.length} domains, drawn from the catalogue of a migrated database. A line has the colour of the table that refers; two tables have one line each way.`,
      `Not drawn: ${times.join(', ')}, and org_id, by which every tenant table refers to organizations.`,
    ],
    description: `${count} tables by domain. ${domains.join(' ')}`,
  }
}

function describeTable(table: SchemaTable): string {
  const targets = linesOf(table).map(({ target }) => target)
  return targets.length === 0 ? table.name : `${table.name} (refers to ${targets.join(', ')})`
}

function headerAbove(graphviz: Graphviz, { title, notes }: Texts): string {
  const lines = [{ text: title, size: 22 }, ...notes.map((text) => ({ text, size: 13 }))]
  const { width, height } = measure(graphviz, [textNode('header', lines)])
  return textNode('header', lines, { x: width / 2, y: height / 2 + 18 })
}

/** What the lines mean, drawn with the same lines. */
function legend(): Box {
  const colour = '#566070'
  const samples = [
    { text: 'many rows, each refers to one', isOptional: false, isUnique: false },
    { text: 'many rows, each refers to one or none', isOptional: true, isUnique: false },
    { text: 'at most one row refers to it', isOptional: false, isUnique: true },
  ]
  const framed = (name: string, text: string, width: number): [string, NodeDot] => [
    name,
    (position) => framedNode(name, text, { colour, width, position }),
  ]
  return {
    name: 'legend',
    colour,
    flow: 'right',
    nodes: new Map(
      samples.flatMap(({ text }) => [framed(`one of ${text}`, 'a row', 30), framed(text, text, 200)]),
    ),
    lines: samples.map(({ text, isOptional, isUnique }) =>
      line({ source: text, target: `one of ${text}`, isOptional, isUnique, isDetour: false }, colour),
    ),
  }
}

/** Gives the picture a name and a description, and letters that every system has. */
function finish(svg: string, { title, description }: Texts): string {
  const root = svg
    .slice(svg.indexOf('<svg'))
    .replace('<svg', '<svg role="img" aria-labelledby="title description"')
  const end = root.indexOf('>') + 1
  return [
    '<!-- Written by `npm run schema:diagram`. Do not edit. -->',
    root.slice(0, end),
    `<title id="title">${escapeHtml(title)}</title>`,
    `<desc id="description">${escapeHtml(description)}</desc>`,
    root.slice(end).trimStart().replaceAll('font-family="Arial"', 'font-family="Arial,Helvetica,sans-serif"'),
  ].join('\n')
}
