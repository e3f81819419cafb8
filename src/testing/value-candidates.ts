/** Values that a column might take, likely ones first. */
import { createHash } from 'node:crypto'
import { readHints } from './check-hints.ts'
import type { CheckHints } from './check-hints.ts'
import type { ColumnFacts } from './read-columns.ts'
import { textMatching } from './text-pattern.ts'

/** Whose row it is: their texts begin with another word, so that keys differ unless a probe makes them equal. */
export type Owner = 'mine' | 'theirs' | 'shared'

/** Which value is asked for. */
export interface ValueContext {
  readonly owner: Owner
  /** 1 for the first row. */
  readonly number: number
  readonly seed: number
  /** The table, so that ids differ from table to table. */
  readonly table: string
  /** The conditions on the column. */
  readonly checks: readonly string[]
}

/** The word that texts begin with. */
export const words: Readonly<Record<Owner, string>> = { mine: 'alfa', theirs: 'bravo', shared: 'charlie' }

/** Values in PostgreSQL's text form; empty for a type that is not known. */
export function valueCandidates(column: ColumnFacts, context: ValueContext): readonly string[] {
  const hints = readHints([...context.checks, ...column.domainChecks])
  if (column.element === null) return [...new Set(scalars(column, column.base, hints, context))]
  const element = {
    ...column,
    base: column.element,
    element: null,
    baseKind: column.labels.length > 0 ? 'enum' : 'base',
  } as const
  const elements = scalars(element, column.element, hints, context)
  const lists = elements.map((value) => `{${quoteElement(value)}}`)
  return [...new Set([...lists, ...hints.texts.filter((text) => text.startsWith('{')), '{}'])]
}

/** A uuid that follows from the seed and what it is for. */
export function uuidOf({ seed, table, owner, number }: ValueContext, purpose: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([seed, table, owner, number, purpose]))
    .digest('hex')
  const variant = ['8', '9', 'a', 'b'][Number.parseInt(hash[16] ?? '0', 16) % 4] ?? '8'
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

function scalars(
  column: ColumnFacts,
  base: string,
  hints: CheckHints,
  context: ValueContext,
): readonly string[] {
  if (column.baseKind === 'enum') return column.labels
  if (column.baseKind === 'composite') return [`(${','.repeat(Math.max(0, column.fields - 1))})`]
  const { number } = context
  const place = number + { mine: 0, theirs: 50, shared: 100 }[context.owner]
  if (/^(?:text|varchar|bpchar|citext|name|char)$/u.test(base)) return texts(column, hints, context)
  if (base === 'uuid')
    return [
      ...hints.texts.filter(isUuid),
      uuidOf(context, column.name),
      uuidOf(context, `${column.name} again`),
    ]
  if (/^(?:int[248]|float[48]|numeric|money|oid)$/u.test(base)) return numbers(base, hints, place)
  return [...fittingTexts(base, hints), ...(others(column, place, context)[base] ?? [])]
}

function texts(column: ColumnFacts, hints: CheckHints, context: ValueContext): readonly string[] {
  const word = words[context.owner]
  const { number } = context
  const place = number + { mine: 0, theirs: 50, shared: 100 }[context.owner]
  const lengths = hints.numbers.filter((length) => length > 0 && length <= 10_000)
  const plain = [`${word} ${number}`, `${word}${number}`, `${word}-${number}`, `${word}${number}@example.com`]
  const shapes = [
    `https://example.com/${word}${number}`,
    `${word[0] ?? 'a'}${number}`,
    `${place}`,
    word[0] ?? 'a',
    word.toUpperCase(),
  ]
  const codes = ['2024-01-01', '{}', 'en', 'EUR', '+14155550100', '192.0.2.1', '#00ff00', '09:00']
  const long = lengths.map((length) => `${word}${number}`.padEnd(length, 'x').slice(0, length))
  const all = [
    ...hints.patterns.flatMap((pattern) =>
      [textMatching(pattern, place) ?? [], textMatching(pattern, place + 7919) ?? []].flat(),
    ),
    ...hints.likes.map((like) => like.replaceAll('%', `${word}${number}`).replaceAll('_', 'x')),
    ...(hints.patterns.length > 0 ? [] : hints.texts),
    ...plain,
    ...long,
    uuidOf(context, column.name),
    createHash('sha256').update(`${word} ${number}`).digest('hex'),
    ...shapes,
    ...codes,
    ...hints.texts,
    '',
  ]
  // varchar(n) and char(n) keep n + 4 in the modifier
  const most = column.modifier > 4 ? column.modifier - 4 : column.base === 'char' ? 1 : Infinity
  return all.map((text) => (text.length > most ? shortened(text, most, place) : text))
}

/** A text that is too long keeps what tells it apart. */
function shortened(text: string, length: number, place: number): string {
  const end = place.toString(36)
  return length <= end.length ? end.slice(-length) : `${text.slice(0, length - end.length)}${end}`
}

function numbers(base: string, hints: CheckHints, place: number): readonly string[] {
  const near = hints.numbers.flatMap((number) => [number, number + 1, number - 1, number + place])
  const isWhole = base.startsWith('int') || base === 'oid'
  const all = [...near, place, 0, 1, -1, 100, 1000 + place].filter(
    (number) => !isWhole || Number.isInteger(number),
  )
  return all.map(String)
}

/** Literals of a check count for every type: dates with their neighbours, keys of objects, intervals, addresses. */
function fittingTexts(base: string, { texts }: CheckHints): readonly string[] {
  if (base === 'json' || base === 'jsonb') {
    const keys = texts.filter((text) => /^\w+$/u.test(text))
    const withKeys = [(): unknown => 1, (key: string): unknown => key].map((value) =>
      JSON.stringify(Object.fromEntries(keys.map((key) => [key, value(key)]))),
    )
    return [...texts.filter((text) => /^[[{"]/u.test(text)), ...(keys.length > 0 ? withKeys : [])]
  }
  if (!base.startsWith('date') && !base.startsWith('timestamp')) return texts
  return texts.flatMap((text) => {
    const time = Date.parse(text)
    return Number.isNaN(time)
      ? [text]
      : [text, ...[-1, 1].map((days) => new Date(time + days * 86_400_000).toISOString())]
  })
}

function others(
  column: ColumnFacts,
  place: number,
  context: ValueContext,
): Readonly<Record<string, readonly string[]>> {
  const [day, later] = [date(place), date(place + 400)]
  const word = words[context.owner]
  const vector = Array.from({ length: column.modifier > 0 ? column.modifier : 3 }, (_, at) =>
    at === place % 3 ? 1 : 0.5,
  )
  return {
    bool: ['false', 'true'],
    date: [day.slice(0, 10), later.slice(0, 10), '1990-01-01', '2099-01-01'],
    timestamp: [day, later, '2099-01-01'],
    timestamptz: [day, later, '2099-01-01'],
    time: [`09:${String(place % 60).padStart(2, '0')}`, '17:00'],
    timetz: ['09:00+00', '17:00+00'],
    interval: ['1 day', `${place} days`],
    json: ['{}', '[]', '1', '"text"'],
    jsonb: ['{}', '[]', '1', '"text"'],
    bytea: [
      String.raw`\x${String(place).padStart(4, '0')}`,
      String.raw`\x${createHash('sha256').update(word).digest('hex')}`,
    ],
    inet: [`192.0.2.${place % 250}`],
    cidr: [`192.0.2.${place % 250}/32`, '192.0.2.0/24'],
    macaddr: ['08:00:2b:01:02:03'],
    macaddr8: ['08:00:2b:01:02:03:04:05'],
    bit: ['0'.repeat(Math.max(1, column.modifier)), '1'.repeat(Math.max(1, column.modifier))],
    varbit: ['0', '1'],
    vector: [JSON.stringify(vector)],
    halfvec: [JSON.stringify(vector)],
    sparsevec: [`{1:1}/${vector.length}`],
    tsvector: [`${word}:1`],
    tsquery: [word],
    xml: ['<a/>'],
    point: [`(${place},1)`],
    line: ['{1,2,3}'],
    lseg: ['[(0,0),(1,1)]'],
    box: ['((0,0),(1,1))'],
    path: ['((0,0),(1,1))'],
    polygon: ['((0,0),(1,1),(1,0))'],
    circle: ['<(0,0),1>'],
    int4range: ranges(String(place * 10), String(place * 10 + 5)),
    int8range: ranges(String(place * 10), String(place * 10 + 5)),
    numrange: ranges(String(place * 10), String(place * 10 + 5)),
    daterange: ranges(day.slice(0, 10), date(place + 1).slice(0, 10)),
    tsrange: ranges(day.slice(0, 10), date(place + 1).slice(0, 10)),
    tstzrange: ranges(day, date(place + 1)),
    int4multirange: [`{[${place * 10},${place * 10 + 5})}`],
    int8multirange: [`{[${place * 10},${place * 10 + 5})}`],
    nummultirange: [`{[${place * 10},${place * 10 + 5})}`],
    datemultirange: ['{}'],
    tsmultirange: ['{}'],
    tstzmultirange: ['{}'],
    ltree: [word],
    hstore: [`${word}=>1`],
    regclass: ['pg_class'],
    pg_lsn: ['0/1'],
    jsonpath: ['$.a'],
  }
}

function date(days: number): string {
  return new Date(Date.UTC(2024, 0, 1 + days)).toISOString()
}

function ranges(from: string, to: string): readonly string[] {
  return [`[${from},${to})`, 'empty']
}

function quoteElement(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', String.raw`\"`)}"`
}

function isUuid(text: string): boolean {
  return /^[0-9a-f-]{36}$/iu.test(text)
}
