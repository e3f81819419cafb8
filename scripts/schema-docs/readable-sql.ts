/** SQL as PostgreSQL prints it, made readable. For people only: it may not parse any more. */

const type = String.raw`(?:"[^"]+"|double precision|character varying|timestamp with(?:out)? time zone|[\w.]+)(?:\(\d+(?:,\d+)?\))?(?:\[\])*`
const stringWithCasts = new RegExp(`(?<text>'(?:[^']|'')*')(?<casts>(?:::${type})*)`, 'gu')
const numberWithCasts = new RegExp(String.raw`(?<![\w.])(?<number>-?\d+(?:\.\d+)?)(?:::${type})+`, 'gu')
const numericCast = /^::(?:smallint|integer|bigint|numeric|real|double precision)/u

/**
 * Takes out what PostgreSQL adds and nobody wrote: `status = ANY (ARRAY['a'::text, 'b'::text])` becomes
 * `status in ('a', 'b')`, and `n >= 0 AND n <= 9` becomes `n between 0 and 9`.
 *
 * Casts of literals are gone; those of columns stay, because they mean something. Give it what PostgreSQL prints in its
 * pretty form: that one leaves needless parentheses out.
 */
export function readableSql(expression: string): string {
  const strings: string[] = []
  return (
    expression
      // what is within quotes looks like SQL at times: it is set aside
      .replaceAll(stringWithCasts, (_whole, text: string, casts: string) =>
        numericCast.test(casts) ? text.slice(1, -1) : `\uE000${strings.push(text) - 1}\uE001`,
      )
      .replaceAll(numberWithCasts, '$<number>')
      .replaceAll(/(?<=ARRAY\[[^\]]*\])::[\w ]+\[\]/gu, '')
      .replaceAll(/ = ANY \(ARRAY\[([^\]]*)\]\)/gu, ' in ($1)')
      .replaceAll(/ <> ALL \(ARRAY\[([^\]]*)\]\)/gu, ' not in ($1)')
      .replaceAll(/([\w.]+(?:\([^()]*\))?) >= (-?[\d.]+) AND \1 <= (-?[\d.]+)/gu, '$1 between $2 and $3')
      // a name with upper case is quoted
      .replaceAll(/"(?:[^"]|"")*"|[A-Z]+/gu, (word) => (word.startsWith('"') ? word : word.toLowerCase()))
      .replaceAll(/\uE000(\d+)\uE001/gu, (_whole, place: string) => strings[Number(place)] ?? '')
  )
}

const shortTypes: ReadonlyMap<string, string> = new Map([
  ['timestamp with time zone', 'timestamptz'],
  ['timestamp without time zone', 'timestamp'],
  ['character varying', 'varchar'],
  ['character', 'char'],
  ['double precision', 'float8'],
  ['integer', 'int'],
  ['boolean', 'bool'],
])

/** The name of a type as people write it: `timestamptz`, `char(64)`, `int`. */
export function readableType(name: string): string {
  const [, base = name, rest = ''] = /^([^([]*)(.*)$/u.exec(name) ?? []
  return (shortTypes.get(base) ?? base) + rest
}
