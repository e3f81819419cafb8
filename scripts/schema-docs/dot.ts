/** Tables and references in Graphviz's language. */
import { chooseColumns } from './picture-columns.ts'
import type { PictureColumn } from './picture-columns.ts'
import type { Reference, SchemaTable } from './read-schema.ts'

/** A point of the picture, in points, upwards and to the right. */
export interface Position {
  readonly x: number
  readonly y: number
}

/** What every node and every edge has. Graphviz knows how wide Arial is without any font of the machine. */
export const dotDefaults: string = [
  'node [shape=plain, fontname=Arial, fontsize=11, fontcolor="#1f2933"]',
  'edge [dir=both, fontname=Arial, arrowsize=0.8, penwidth=1.2]',
].join('; ')

/** A line between two nodes. */
export interface Line extends Pick<Reference, 'isOptional' | 'isUnique' | 'target'> {
  /** What refers. */
  readonly source: string
  /** Goes from corner to corner, because the straight way is taken: the other table refers to this one too. */
  readonly isDetour: boolean
}

/** Writes a table as a node: its name on its colour, and under it the columns that matter most. */
export function tableNode(table: SchemaTable, colour: string, position?: Position): string {
  const { columns, rest } = chooseColumns(table, 8)
  const rows = columns.map((column) => columnRow(column, colour))
  if (rest > 0) rows.push(`<tr><td></td><td colspan="2" align="left">${grey(`… ${rest} more`)}</td></tr>`)
  const name = `<font color="#ffffff"><b>${escapeHtml(table.name)}</b></font>`
  return node(
    table.name,
    position,
    `<table border="1" color="${colour}" bgcolor="#ffffff" cellborder="0" cellspacing="0" cellpadding="3">` +
      `<tr><td colspan="3" align="left" bgcolor="${colour}">${name}</td></tr>${rows.join('')}</table>`,
  )
}

/** Writes lines of text as a node without a frame; each line has its size, and large ones are bold. */
export function textNode(name: string, lines: readonly TextLine[], position?: Position): string {
  const rows = lines.map(({ text, size, colour = '#1f2933' }) => {
    const words = size > 14 ? `<b>${escapeHtml(text)}</b>` : escapeHtml(text)
    return `<tr><td align="left"><font point-size="${size}" color="${colour}">${words}</font></td></tr>`
  })
  return node(name, position, `<table border="0" cellspacing="0" cellpadding="3">${rows.join('')}</table>`)
}

/** A line of text. */
export interface TextLine {
  readonly text: string
  /** In points. */
  readonly size: number
  readonly colour?: string
}

/** Writes words in a frame as a node; frames of one width make lines of one length. */
export function framedNode(
  name: string,
  text: string,
  { colour, width, position }: { colour: string; width: number; position: Position | undefined },
): string {
  return node(
    name,
    position,
    `<table border="1" color="${colour}" bgcolor="#ffffff" cellborder="0" cellspacing="0" cellpadding="4">` +
      `<tr><td align="left" width="${width}">${escapeHtml(text)}</td></tr></table>`,
  )
}

/** Writes a line from what is referred to, to what refers: dashed where it may be missing, a crow's foot for many. */
export function line({ source, target, isOptional, isUnique, isDetour }: Line, colour: string): string {
  const attributes = [
    // nearly opaque: where lines cross, both stay to be seen
    `color="${colour}c0"`,
    `style=${isOptional ? 'dashed' : 'solid'}`,
    `arrowtail=${isOptional ? 'odot' : 'tee'}`,
    `arrowhead=${isUnique ? 'tee' : 'crow'}`,
    ...(isDetour ? ['tailport=ne', 'headport=nw'] : []),
  ]
  return `${quote(target)} -> ${quote(source)} [${attributes.join(', ')}]`
}

/** Quotes a name for Graphviz. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', String.raw`\"`)}"`
}

/** Escapes a text for Graphviz's HTML-like labels. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function node(name: string, position: Position | undefined, label: string): string {
  const place = position === undefined ? '' : `pos="${position.x.toFixed(2)},${position.y.toFixed(2)}", `
  return `${quote(name)} [${place}label=<${label}>]`
}

function columnRow(column: PictureColumn, colour: string): string {
  const name = escapeHtml(column.name)
  const cells = [
    `<td align="left"><font color="${colour}">${mark(column)}</font></td>`,
    `<td align="left">${name}</td>`,
    `<td align="right">${grey(escapeHtml(column.type))}</td>`,
  ]
  return `<tr>${cells.join('')}</tr>`
}

function mark(column: PictureColumn): string {
  if (column.isPrimary) return 'PK'
  if (column.isForeign) return 'FK'
  return column.isUnique ? 'UK' : ' '
}

function grey(html: string): string {
  return `<font color="#6b7683">${html}</font>`
}
