/** Says whether a policy's expression really keeps a row to its tenant. */
import { callsIn, isSubselect, keywordOf, readTokens } from './expression.ts'
import type { Token } from './expression.ts'

/**
 * What an expression does: it lets a row through only when the tenant column fits (`held`), also when something else does
 * (`bypassed`), without looking at it (`ignored`), or always (`always`).
 */
export type Verdict = 'held' | 'bypassed' | 'ignored' | 'always'

/** What the names in a policy's expression mean. */
export interface RowNames {
  /** The name of the table, with which a sub-select names its columns. */
  readonly table: string
  readonly tenantColumn: string
  readonly columns: ReadonlySet<string>
}

/**
 * Judges an expression as PostgreSQL prints it.
 *
 * It follows AND, OR and CASE; what it calls `held` compares the tenant column with something that is no column of the row,
 * looks for it in a sub-select, or hands it to a function, whose answer is trusted.
 */
export function judge(expression: string, names: RowNames): Verdict {
  return judgeTokens(readTokens(expression), names)
}

function judgeTokens(tokens: readonly Token[], names: RowNames): Verdict {
  const [first, second] = tokens
  if (keywordOf(tokens.at(-2)) === 'IS' && keywordOf(tokens.at(-1)) === 'TRUE') {
    return judgeTokens(tokens.slice(0, -2), names)
  }
  if (first?.kind === 'group' && tokens.length === 1 && !isSubselect(first))
    return judgeTokens(first.tokens, names)
  if (keywordOf(first) === 'CASE') return judgeAlternatives(branches(tokens), names)
  if (keywordOf(first) === 'COALESCE' && second?.kind === 'group')
    return judgeAlternatives(split(second.tokens, ','), names)
  const alternatives = split(tokens, 'OR')
  if (alternatives.length > 1) return judgeAlternatives(alternatives, names)
  const conditions = split(tokens, 'AND')
  if (conditions.length > 1) return judgeConditions(conditions, names)
  if (isNever(tokens)) return 'held'
  if (isConstant(tokens)) return 'always'
  if (keywordOf(first) === 'NOT') return 'ignored'
  if (keywordOf(first) === 'EXISTS' && second !== undefined)
    return mentions([second], names) ? 'held' : 'ignored'
  return ties(tokens, names) ? 'held' : 'ignored'
}

function judgeAlternatives(parts: readonly (readonly Token[])[], names: RowNames): Verdict {
  const possible = parts.filter((part) => !isNever(part))
  const verdicts = possible.map((part) => judgeTokens(part, names))
  if (verdicts.every((verdict) => verdict === 'held')) return 'held'
  if (verdicts.some((verdict) => verdict === 'held' || verdict === 'bypassed')) return 'bypassed'
  return verdicts.includes('always') ? 'always' : 'ignored'
}

function judgeConditions(parts: readonly (readonly Token[])[], names: RowNames): Verdict {
  const verdicts = parts.map((part) => judgeTokens(part, names))
  if (verdicts.includes('held')) return 'held'
  if (verdicts.includes('bypassed')) return 'bypassed'
  return verdicts.every((verdict) => verdict === 'always') ? 'always' : 'ignored'
}

/** The results of `CASE WHEN … THEN … ELSE … END`; without ELSE the last one is null, which lets nothing through. */
function branches(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const results: Token[][] = []
  let [depth, isResult] = [0, false]
  for (const token of tokens) {
    const keyword = keywordOf(token)
    const isOuter = depth === 1
    if (keyword === 'CASE') depth += 1
    if (keyword === 'END') depth -= 1
    if (isOuter && (keyword === 'THEN' || keyword === 'ELSE')) {
      results.push([])
      isResult = true
    } else if (isOuter && (keyword === 'WHEN' || keyword === 'END')) isResult = false
    else if (isResult) results.at(-1)?.push(token)
  }
  return results
}

function split(tokens: readonly Token[], separator: 'AND' | 'OR' | ','): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    const isComma = token.kind === 'symbol' && token.text === ','
    if ((isComma ? ',' : keywordOf(token)) === separator) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

function isNever(tokens: readonly Token[]): boolean {
  const [only, ...rest] = tokens.filter(({ kind }) => kind !== 'cast')
  if (rest.length > 0) return false
  return only?.kind === 'group' ? isNever(only.tokens) : ['FALSE', 'NULL'].includes(keywordOf(only) ?? '')
}

function isConstant(tokens: readonly Token[]): boolean {
  return tokens.every((token) => {
    if (token.kind === 'group') return isConstant(token.tokens)
    return token.kind !== 'word' || ['TRUE', 'FALSE', 'NULL', 'NOT', 'IS'].includes(token.keyword ?? '')
  })
}

/** True when the tenant column is compared with what is no column of the row, or handed to a function. */
function ties(tokens: readonly Token[], names: RowNames): boolean {
  const place = tokens.findIndex((token) => isEquality(token) || keywordOf(token) === 'IN')
  if (place === -1) {
    const [call] = callsIn(tokens, { inSubselects: false })
    const isWhole = call?.start === tokens[0]?.start && call?.end === tokens.at(-1)?.end
    return call !== undefined && isWhole && mentions([call.arguments], names)
  }
  const [left, right] = [tokens.slice(0, place), tokens.slice(place + 1)]
  if (keywordOf(left.at(-1)) === 'NOT') return false
  return (
    (isValue(left) && mentions(left, names) && !namesColumn(right, names.columns)) ||
    (isValue(right) && mentions(right, names) && !namesColumn(left, names.columns))
  )
}

/** False for what is true or false itself: `(org_id = f()) = false` ties nothing. */
function isValue(tokens: readonly Token[]): boolean {
  return tokens.every((token) => {
    if (token.kind === 'group') return isSubselect(token) || isValue(token.tokens)
    return (
      !/^[<>=!]+$/u.test(token.text) && !['IS', 'AND', 'OR', 'NOT', 'IN'].includes(keywordOf(token) ?? '')
    )
  })
}

function isEquality(token: Token): boolean {
  // an operator of another schema is printed as OPERATOR(public.=)
  const sign = token.kind === 'group' && token.tokens.length === 3 ? token.tokens.at(-1) : token
  return sign?.kind === 'symbol' && sign.text === '='
}

/** True when the expression names the tenant column of the row: a sub-select does it with the table's name. */
function mentions(tokens: readonly Token[], names: RowNames, isInside = false): boolean {
  return tokens.some((token, index) => {
    if (token.kind === 'group') return mentions(token.tokens, names, isInside || isSubselect(token))
    if (token.kind !== 'word' || tokens[index + 1]?.kind === 'group') return false
    const column = token.path.at(-1)
    if (column !== names.tenantColumn) return false
    return isInside ? token.path.at(-2) === names.table : token.path.length === 1
  })
}

/** True when any column of the row is named outside sub-selects. */
export function namesColumn(tokens: readonly Token[], columns: ReadonlySet<string>): boolean {
  return tokens.some((token, index) => {
    if (token.kind === 'group') return !isSubselect(token) && namesColumn(token.tokens, columns)
    if (token.kind !== 'word' || tokens[index + 1]?.kind === 'group') return false
    return token.path.length === 1 && columns.has(token.path[0] ?? '')
  })
}

/** A comparison of a plain column with something that is no column of the row. */
export interface Comparison {
  readonly column: string
  /** The other side as tokens, and as it is written; of `( SELECT f() AS f)` the call alone. */
  readonly tokens: readonly Token[]
  readonly value: string
}

/** Finds the comparisons `column = …` at the ends of AND and OR. */
export function comparisonsIn(expression: string, columns: ReadonlySet<string>): readonly Comparison[] {
  return findComparisons(readTokens(expression), expression, columns)
}

function findComparisons(
  tokens: readonly Token[],
  source: string,
  columns: ReadonlySet<string>,
): readonly Comparison[] {
  const [first] = tokens
  if (first?.kind === 'group' && tokens.length === 1) return findComparisons(first.tokens, source, columns)
  const conditions = split(tokens, 'OR').flatMap((part) => split(part, 'AND'))
  if (conditions.length > 1) return conditions.flatMap((part) => findComparisons(part, source, columns))
  const place = tokens.findIndex(isEquality)
  if (place === -1) return []
  const [left, right] = [tokens.slice(0, place), tokens.slice(place + 1)]
  return [comparison(left, right, source, columns), comparison(right, left, source, columns)].flatMap(
    (found) => found ?? [],
  )
}

function comparison(
  side: readonly Token[],
  other: readonly Token[],
  source: string,
  columns: ReadonlySet<string>,
): Comparison | undefined {
  const column = plainColumn(side, columns)
  if (column === undefined || namesColumn(other, columns)) return undefined
  const asked = innermost(other)
  return { column, tokens: other, value: source.slice(asked[0]?.start ?? 0, asked.at(-1)?.end ?? 0) }
}

/** What a sub-select without FROM selects, without its alias; else the tokens themselves. */
function innermost(tokens: readonly Token[]): readonly Token[] {
  const [only, ...rest] = tokens
  if (only?.kind !== 'group' || rest.length > 0) return tokens
  if (keywordOf(only.tokens[0]) !== 'SELECT') return tokens
  const selected = only.tokens.slice(1)
  if (selected.some((token) => keywordOf(token) === 'FROM')) return tokens
  return keywordOf(selected.at(-2)) === 'AS' ? selected.slice(0, -2) : selected
}

/**
 * The expression without its ways around the tenant: of `(org_id = f() OR is_public)` what stands before OR. Nothing when
 * it is no list of alternatives.
 */
export function withoutWaysAround(expression: string, names: RowNames): string | undefined {
  let tokens = readTokens(expression)
  while (tokens.length === 1 && tokens[0]?.kind === 'group') ({ tokens } = tokens[0])
  const alternatives = split(tokens, 'OR')
  if (alternatives.length === 1 || keywordOf(tokens[0]) === 'CASE') return undefined
  const held = alternatives.filter((part) => judgeTokens(part, names) === 'held')
  if (held.length === 0) return undefined
  return held.map((part) => expression.slice(part[0]?.start ?? 0, part.at(-1)?.end ?? 0)).join(' or ')
}

/** The column that an expression is, whatever type it is cast to. */
function plainColumn(tokens: readonly Token[], columns: ReadonlySet<string>): string | undefined {
  const [only, ...rest] = tokens.filter(({ kind }) => kind !== 'cast')
  if (rest.length > 0) return undefined
  if (only?.kind === 'group') return plainColumn(only.tokens, columns)
  const name = only?.kind === 'word' && only.path.length === 1 ? only.path[0] : undefined
  return name !== undefined && columns.has(name) ? name : undefined
}

/** True when an expression reads a setting of this name, or calls a function that does. */
export function readsSetting(
  tokens: readonly Token[],
  setting: string,
  functions: ReadonlySet<string>,
): boolean {
  for (const { path, arguments: given } of callsIn(tokens, { inSubselects: true })) {
    if (functions.has(path.join('.'))) return true
    const [name] = given.tokens
    if (path.at(-1) === 'current_setting' && name?.kind === 'text' && name.text === setting) return true
  }
  return false
}
