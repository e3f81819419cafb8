/** Where a statement really begins. */

/**
 * Returns the statement without what PostgreSQL skips before its first word: white space, empty statements, comments
 * (block comments nest).
 *
 * PostgreSQL manual, "Lexical Structure", "Comments".
 */
export function skipToFirstWord(sql: string): string {
  let index = 0
  while (index < sql.length) {
    if (/[\s;]/.test(sql.charAt(index))) index += 1
    else if (sql.startsWith('--', index)) index = endOfLine(sql, index)
    else if (sql.startsWith('/*', index)) index = endOfBlock(sql, index)
    else break
  }
  return index === 0 ? sql : sql.slice(index)
}

function endOfLine(sql: string, start: number): number {
  const length = sql.slice(start).search(/[\r\n]/)
  return length === -1 ? sql.length : start + length
}

function endOfBlock(sql: string, start: number): number {
  let depth = 0
  let index = start
  do {
    if (sql.startsWith('/*', index)) depth += 1
    else if (sql.startsWith('*/', index)) depth -= 1
    else {
      index += 1
      continue
    }
    index += 2
  } while (depth > 0 && index < sql.length)
  return index
}
