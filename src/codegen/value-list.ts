/** What a CHECK constraint says about the values of one column. */
import { readTokens } from './sql-tokens.ts'
import type { SqlToken } from './sql-tokens.ts'

/** A column that may hold these values only; texts or whole numbers, never both. */
export type ValueList = readonly string[] | readonly number[]

/**
 * The values that a CHECK allows, or `undefined` when it is no plain list.
 *
 * Understood are `x in (…)`, `x = any (array[…])`, `x = 'a' or x = 'b'` and `x is null or …`, with the casts that
 * PostgreSQL adds. Everything else says nothing: a type that is too wide is safe, one that is too narrow lies. A list
 * with NULL in it allows every value, because `x = any (array['a', null])` is never false.
 */
export function readValueList(expression: string, column: string): ValueList | undefined {
  const literals: SqlToken[] = []
  for (const term of splitAlternatives(readTokens(expression))) {
    const [first, ...rest] = term
    if (first === undefined || !isColumn(first, column)) return undefined
    const found = readTerm(rest)
    if (found === undefined) return undefined
    literals.push(...found)
  }
  if (literals.length === 0) return undefined
  const texts = [...new Set(literals.map((literal) => literal.text))]
  if (literals.every((literal) => literal.kind === 'string')) return texts
  return literals.every((literal) => literal.kind === 'number') ? texts.map(Number) : undefined
}

/** The only JSON type that a CHECK allows: `jsonb_typeof(x) = 'object'`, or is null. */
export function readJsonType(expression: string, column: string): string | undefined {
  const found = splitAlternatives(readTokens(expression)).filter((term) => !isNullTest(term, column))
  const [term, ...others] = found
  const [name, argument, ...rest] = term ?? []
  if (others.length > 0 || name === undefined || argument === undefined) return undefined
  if (!/^(?:pg_catalog\.)?jsonb?_typeof$/u.test(name.text) || !isColumn(argument, column)) return undefined
  const [value, ...more] = readTerm(rest) ?? []
  return more.length === 0 && value?.kind === 'string' ? value.text : undefined
}

function splitAlternatives(tokens: readonly SqlToken[]): readonly (readonly SqlToken[])[] {
  const terms: SqlToken[][] = [[]]
  for (const token of tokens) {
    if (token.kind === 'word' && token.text === 'OR') terms.push([])
    else terms.at(-1)?.push(token)
  }
  return terms
}

/** The literals of what follows the column: `IS NULL`, `= 'a'` or `= ANY ARRAY ['a', 'b']`. */
function readTerm(tokens: readonly SqlToken[]): readonly SqlToken[] | undefined {
  const words = tokens.map((token) => (token.kind === 'word' ? token.text : 'literal')).join(' ')
  const isKnown = /^(?:IS NULL|= literal|= ANY ARRAY \[ literal(?: , literal)* \])$/u.test(words)
  return isKnown ? tokens.filter((token) => token.kind !== 'word') : undefined
}

function isColumn(token: SqlToken, column: string): boolean {
  // the CHECK of a domain calls its column VALUE
  return token.kind === 'word' && (token.text === column || token.text === 'VALUE')
}

function isNullTest(term: readonly SqlToken[], column: string): boolean {
  const [first, ...rest] = term
  return first !== undefined && isColumn(first, column) && readTerm(rest)?.length === 0
}
