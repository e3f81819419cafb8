/** The words of an SQL expression, as PostgreSQL prints it or as somebody wrote it in a function. */

/** One word, with its place in the text. */
export type Token = Leaf | Group

interface Leaf {
  /** A string literal; a number; a name or keyword; a cast with its type; anything else. */
  readonly kind: 'text' | 'number' | 'word' | 'cast' | 'symbol'
  /** Of a literal its content, else as written. */
  readonly text: string
  /** Of a word the parts of its name, unquoted: `public.notes` has two. */
  readonly path: readonly string[]
  /** The word in upper case when it is not quoted, not qualified: `AND`, `SELECT`, `ORG_ID`. */
  readonly keyword: string | undefined
  readonly start: number
  readonly end: number
}

/** What stands in parentheses. */
export interface Group {
  readonly kind: 'group'
  readonly tokens: readonly Token[]
  readonly start: number
  readonly end: number
}

const word = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`
const typeName = String.raw`(?:character varying|bit varying|double precision|(?:timestamp|time)(?:\(\d\))? with(?:out)? time zone|${word}(?:\.${word})*)`

const pattern = new RegExp(
  [
    String.raw`(?<skip>\s+|--[^\n]*|/\*[\s\S]*?\*/)`,
    String.raw`(?<cast>::\s*${typeName}(?:\([\d, ]+\))?(?:\[\])*)`,
    String.raw`(?<text>[eE]?'(?:[^'\\]|''|\\.)*'|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)`,
    String.raw`(?<number>\d[\d.]*)`,
    String.raw`(?<word>${word}(?:\.${word})*)`,
    String.raw`(?<symbol>[()]|[-+*/<>=~!@#%^&|?]+|.)`,
  ].join('|'),
  'gsu',
)

/** Splits an expression into words; parentheses become groups. One that is never closed ends with the text. */
export function readTokens(expression: string): readonly Token[] {
  const open: { readonly tokens: Token[]; readonly start: number }[] = [{ tokens: [], start: 0 }]
  for (const match of expression.matchAll(pattern)) {
    const { skip, symbol } = match.groups ?? {}
    const end = match.index + match[0].length
    const innermost = open.at(-1)
    if (skip !== undefined || innermost === undefined) continue
    if (symbol === '(') open.push({ tokens: [], start: match.index })
    else if (symbol === ')' && open.length > 1) closeGroup(open, end)
    else innermost.tokens.push(leafOf(match, end))
  }
  while (open.length > 1) closeGroup(open, expression.length)
  return open[0]?.tokens ?? []
}

function closeGroup(open: { readonly tokens: Token[]; readonly start: number }[], end: number): void {
  const closed = open.pop()
  if (closed !== undefined) open.at(-1)?.tokens.push({ kind: 'group', ...closed, end })
}

function leafOf(match: RegExpExecArray, end: number): Leaf {
  const { cast, text, number, word } = match.groups ?? {}
  const place = { start: match.index, end, path: [], keyword: undefined }
  if (word !== undefined) {
    const path = Array.from(word.matchAll(/"((?:[^"]|"")+)"|[^".]+/gu), ([plain, quoted]) =>
      quoted === undefined ? plain : quoted.replaceAll('""', '"'),
    )
    const isKeyword = path.length === 1 && !word.startsWith('"')
    return { ...place, kind: 'word', text: word, path, keyword: isKeyword ? word.toUpperCase() : undefined }
  }
  if (text !== undefined) return { ...place, kind: 'text', text: contentOf(text) }
  if (number !== undefined) return { ...place, kind: 'number', text: number }
  return { ...place, kind: cast === undefined ? 'symbol' : 'cast', text: cast ?? match[0] }
}

function contentOf(literal: string): string {
  if (literal.startsWith('$'))
    return literal.slice(literal.indexOf('$', 1) + 1, literal.lastIndexOf('$', literal.length - 2))
  return literal.slice(literal.indexOf("'") + 1, -1).replaceAll("''", "'")
}

/** True for `( SELECT …)`. */
export function isSubselect(token: Token | undefined): boolean {
  return token?.kind === 'group' && ['SELECT', 'WITH', 'VALUES'].includes(keywordOf(token.tokens[0]) ?? '')
}

/** The keyword that a token is, if it may be one. */
export function keywordOf(token: Token | undefined): string | undefined {
  return token?.kind === 'word' ? token.keyword : undefined
}

/** A function call: its name, and the place of the whole call in the text. */
export interface Call {
  /** The parts of the name, unquoted. */
  readonly path: readonly string[]
  readonly arguments: Group
  readonly start: number
  readonly end: number
}

/** Keywords that may stand before a parenthesis and call nothing. */
const notCalled: ReadonlySet<string> = new Set(
  (
    'AND OR NOT IN ANY ALL SOME EXISTS CASE WHEN THEN ELSE ARRAY ROW SELECT FROM WHERE ON AS USING VALUES ' +
    'COALESCE NULLIF GREATEST LEAST CAST OPERATOR IS LIKE BETWEEN FILTER OVER RETURN'
  ).split(' '),
)

/** The function calls at this level and in parentheses; those of sub-selects only when asked for. */
export function* callsIn(
  tokens: readonly Token[],
  options: { readonly inSubselects: boolean },
): Generator<Call> {
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1]
    if (token.kind === 'word' && next?.kind === 'group' && !notCalled.has(token.keyword ?? '')) {
      yield { path: token.path, arguments: next, start: token.start, end: next.end }
    }
    if (token.kind !== 'group' || (isSubselect(token) && !options.inSubselects)) continue
    yield* callsIn(token.tokens, options)
  }
}

/** Every token, those in groups too. */
export function* allTokens(tokens: readonly Token[]): Generator<Token> {
  for (const token of tokens) {
    yield token
    if (token.kind === 'group') yield* allTokens(token.tokens)
  }
}
