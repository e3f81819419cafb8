/** What a CHECK constraint says about the values of a column: hints, from which candidates are made. */
import { allTokens, readTokens } from '../doctor/expression.ts'
import type { Token } from '../doctor/expression.ts'

/** What the conditions on a column name. */
export interface CheckHints {
  /** The texts in them, but patterns. */
  readonly texts: readonly string[]
  readonly numbers: readonly number[]
  /** Regular expressions that it must match. */
  readonly patterns: readonly string[]
  /** Patterns of LIKE that it must match. */
  readonly likes: readonly string[]
}

/** Reads the hints out of conditions as pg_get_constraintdef() prints them. */
export function readHints(conditions: readonly string[]): CheckHints {
  const [texts, numbers]: [string[], number[]] = [[], []]
  const [patterns, likes]: [string[], string[]] = [[], []]
  for (const condition of conditions) {
    const tokens = [...allTokens(readTokens(condition))]
    for (const [index, token] of tokens.entries()) {
      const before = operatorBefore(tokens, index)
      if (token.kind === 'text' && (before === '~' || before === '~*')) patterns.push(token.text)
      else if (token.kind === 'text' && (before === '~~' || before === '~~*')) likes.push(token.text)
      else if (token.kind === 'text' && !before.startsWith('!~')) texts.push(token.text)
      else if (token.kind === 'number')
        numbers.push(before === '-' ? -Number(token.text) : Number(token.text))
    }
  }
  return { texts, numbers: [...numbers, ...texts.filter(isNumber).map(Number)], patterns, likes }
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text))
}

/** The operator in front of a literal; parentheses in between do not count. */
function operatorBefore(tokens: readonly Token[], index: number): string {
  for (let at = index - 1; at >= 0; at -= 1) {
    const token = tokens[at]
    if (token?.kind === 'symbol') return token.text
    if (token?.kind !== 'group') return ''
  }
  return ''
}
