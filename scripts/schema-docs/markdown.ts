/** Markdown as GitHub reads it, made from plain texts. */

/** Escapes a text so that Markdown shows it as it is, in one line. */
export function escapeText(text: string): string {
  return (
    text
      .trim()
      .replaceAll(/\s+/gu, ' ')
      .replaceAll(/[\\`*[\]<>~$#&]/gu, String.raw`\$&`)
      // an underscore within a word is only that
      .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, String.raw`\_`)
      // at the beginning of a line these would make a list
      .replace(/^(?<number>\d*)(?=[-+.)])/u, '$<number>\\')
  )
}

/** Writes a text as code, the back ticks in it too. */
export function code(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ')
  const ticks = Array.from(line.matchAll(/`+/gu), ([found]) => found.length)
  const fence = '`'.repeat(Math.max(0, ...ticks) + 1)
  const padding = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return fence + padding + line + padding + fence
}

/** Writes a table from Markdown cells; only their pipes still need escaping, which holds within code too. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`,
  )
  return lines.join('\n')
}

/** Writes a list entry: one thing on the line of its name, several under it, nothing at all when there is none. */
export function markdownItem(name: string, things: readonly string[]): readonly string[] {
  if (things.length === 0) return []
  if (things.length === 1) return [`- ${name}: ${things[0]}`]
  return [`- ${name}:`, ...things.map((thing) => `  - ${thing}`)]
}

/** Links to a heading of the same page, with its own words or with others. */
export function headingLink(heading: string, text = heading): string {
  return `[${escapeText(text)}](#${anchorOf(heading)})`
}

/** The anchor that GitHub gives a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}
