/** The calls in a policy that run more often than they must, or fail on an empty setting. */
import type { CatalogFunction } from './catalog.ts'
import { callsIn, isSubselect, keywordOf, readTokens } from './expression.ts'
import type { Call, Token } from './expression.ts'

/** The calls that run once a row: of functions that are not immutable, outside of sub-selects. */
export function callsPerRow(expression: string, called: readonly CatalogFunction[]): readonly Call[] {
  return [...callsIn(readTokens(expression), { inSubselects: false })].filter(({ path }) => {
    const name = path.join('.')
    return name === 'current_setting' || called.some((fn) => fn.name === name && !fn.isImmutable)
  })
}

/** Puts each of these calls into a sub-select of its own; what stands inside another one goes with it. */
export function wrapCalls(expression: string, calls: readonly Call[]): string {
  const outermost = calls.filter(
    (call) => !calls.some((other) => other !== call && other.start <= call.start && call.end <= other.end),
  )
  return outermost.toReversed().reduce((mended, { start, end }) => {
    return `${mended.slice(0, start)}(select ${mended.slice(start, end)})${mended.slice(end)}`
  }, expression)
}

/** The places where a setting is cast to another type than text without nullif: the call, or what encloses it alone. */
export function castSettings(expression: string): readonly Place[] {
  return findCasts(readTokens(expression))
}

/** A part of an expression. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** Puts nullif around each of these places. */
export function guardSettings(expression: string, places: readonly Place[]): string {
  return places.toReversed().reduce((mended, { start, end }) => {
    return `${mended.slice(0, start)}nullif(${mended.slice(start, end)}, '')${mended.slice(end)}`
  }, expression)
}

/** True for a type in which an empty setting is a value like any other. */
export function isText(type: string): boolean {
  return /^(?:text|character varying|name|"char"|character)\b/u.test(type)
}

function findCasts(tokens: readonly Token[]): readonly Place[] {
  return tokens.flatMap((token, index) => {
    const before = tokens[index - 1]
    if (token.kind !== 'group' || keywordOf(before) === 'NULLIF') return []
    const next = tokens[index + 1]
    const isCast = next?.kind === 'cast' && !isText(next.text.slice(2).trim())
    if (!isCast || !isSetting(before, token)) return findCasts(token.tokens)
    const start = keywordOf(before) === 'CURRENT_SETTING' ? (before?.start ?? token.start) : token.start
    return [{ start, end: token.end }]
  })
}

/** True for `current_setting(…)` and for parentheses or a sub-select around nothing else. */
function isSetting(before: Token | undefined, token: Token): boolean {
  if (keywordOf(before) === 'CURRENT_SETTING') return true
  if (token.kind !== 'group') return false
  const inside = token.tokens.slice(isSubselect(token) ? 1 : 0).filter(({ kind }) => kind !== 'cast')
  const selected = keywordOf(inside.at(-2)) === 'AS' ? inside.slice(0, -2) : inside
  const [first, second, ...rest] = selected
  if (first?.kind === 'group') return second === undefined && isSetting(undefined, first)
  return second !== undefined && rest.length === 0 && keywordOf(first) === 'CURRENT_SETTING'
}
