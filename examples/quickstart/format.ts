/** How the quickstart's numbers, lines and tables look; nothing here is wider than 80 columns. */

/** The width that every line fits in. */
const width = 80

/** Writes a count with separators: `8,978`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** Names a count: `1 person`, `9 people`. */
export function countOf(count: number, singular: string, plural: string): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`
}

/**
 * Shortens a text to what is left of a line after `indent` columns.
 *
 * Control characters become spaces: what a file says must not steer the terminal.
 */
export function fitLine(text: string, indent: number): string {
  const characters = Array.from(text.replaceAll(/\p{Cc}/gu, ' '))
  const room = width - indent
  return characters.length <= room
    ? characters.join('')
    : `${characters
        .slice(0, room - 1)
        .join('')
        .trimEnd()}…`
}

/** Puts two texts side by side, indented by four, each shortened to its half of the line. */
export function alignHalves(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const gap = 2
  const half = (width - 4 - gap) / 2
  return rows.map(([left, right]) => {
    const shortened = fitLine(left, width - half)
    const space = ' '.repeat(half + gap - Array.from(shortened).length)
    return `    ${shortened}${space}${fitLine(right, width - half)}`.trimEnd()
  })
}

/**
 * Aligns cells in columns, indented by two: text to the left, numbers to the right with their heading.
 *
 * ```text
 *   organization    created
 *   Alder Clinic         18
 * ```
 */
export function alignTable(rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatCount(cell) : cell)))
  const columns = rows[0]?.map((_, column) => ({
    size: Math.max(...cells.map((row) => row[column]?.length ?? 0)),
    isNumber: rows.some((row) => typeof row[column] === 'number'),
  }))
  return cells.map((row) => {
    const padded = columns?.map(({ size, isNumber }, column) => {
      const cell = row[column] ?? ''
      return isNumber ? cell.padStart(size) : cell.padEnd(size)
    })
    return `  ${padded?.join('   ') ?? ''}`.trimEnd()
  })
}
