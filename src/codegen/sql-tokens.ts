/** The words of an expression as `pg_get_expr` prints it. */

/** One word: a string or number literal, or anything else (a name, a keyword, an operator). */
export interface SqlToken {
  readonly kind: 'string' | 'number' | 'word'
  readonly text: string
}

const pattern =
  /\s+|(?<cast>::(?:"(?:[^"]|"")+"\.)?(?:"(?:[^"]|"")+"|character varying|\w+)(?:\(\d+\))?(?:\[\])*)|(?<string>E?'(?:[^'\\]|''|\\.)*')|(?<number>-?\d+(?![\w.]))|"(?<quoted>(?:[^"]|"")+)"|(?<word>[\w$.]+)|(?<other>.)/gsu

/** The casts that change nothing about what a text or a whole number is equal to. */
const harmlessCast = /^::(?:text|character varying|smallint|integer|bigint)(?:\[\])*$/u

/**
 * Splits an expression into its words, without parentheses and without casts between the plain text and number types.
 *
 * Without parentheses only a list of alternatives (`or`) keeps its meaning: look for exactly that. A cast to any other
 * type stays as a word, because equality may mean something else there: citext knows no case, varchar(3) cuts off.
 */
export function readTokens(expression: string): readonly SqlToken[] {
  const tokens: SqlToken[] = []
  for (const { groups = {} } of expression.matchAll(pattern)) {
    const { cast, string, number, quoted, word, other } = groups
    if (string !== undefined) tokens.push({ kind: 'string', text: unquote(string) })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (quoted !== undefined) tokens.push({ kind: 'word', text: quoted.replaceAll('""', '"') })
    else if (cast !== undefined && !harmlessCast.test(cast)) tokens.push({ kind: 'word', text: cast })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (other !== undefined && other !== '(' && other !== ')') tokens.push({ kind: 'word', text: other })
  }
  return tokens
}

function unquote(literal: string): string {
  const isEscaped = literal.startsWith('E')
  const text = literal.slice(isEscaped ? 2 : 1, -1).replaceAll("''", "'")
  // PostgreSQL prints the E form only to double backslashes
  return isEscaped ? text.replaceAll('\\\\', '\\') : text
}
