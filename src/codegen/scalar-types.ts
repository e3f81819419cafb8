/** How values of PostgreSQL's types arrive from `pg`, and what `pg` writes correctly. */

/** TypeScript for one PostgreSQL type: what a row holds, and what may be written. */
export interface ScalarType {
  readonly select: string
  /** The alternatives for writing; what a row holds when left out. */
  readonly insert?: readonly string[]
}

const text: ScalarType = { select: 'string' }
const number: ScalarType = { select: 'number' }
const bigint: ScalarType = { select: 'string', insert: ['bigint', 'number', 'string'] }
const interval: ScalarType = { select: 'Interval', insert: ['string'] }
const point: ScalarType = { select: 'Point', insert: ['string'] }
const instant: ScalarType = { select: 'Date', insert: ['Date', 'string'] }
/** A Date would be written as UTC and read as local time: the type has no time zone. */
const wallClock: ScalarType = { select: 'Date', insert: ['string'] }

/**
 * By name in `pg_type`. A type that is not listed arrives as the text that PostgreSQL prints.
 *
 * `date` arrives as `YYYY-MM-DD` and `vector` as {@link Vector}: the pool sees to that. `bigint` does not fit into a
 * number, and `numeric`, which money is stored in, is read and written as text only: a number is floating point.
 * `json` and `jsonb` are typed by their CHECK, see `column-type.ts`.
 */
export const scalarTypes: Readonly<Record<string, ScalarType>> = {
  bool: { select: 'boolean' },
  bytea: { select: 'Buffer' },
  circle: { select: 'Circle', insert: ['string'] },
  float4: number,
  float8: number,
  int2: number,
  int4: number,
  int8: bigint,
  interval,
  oid: number,
  point,
  timestamp: wallClock,
  timestamptz: instant,
}

/**
 * The element types whose arrays `pg` takes apart; an array of any other type arrives as its text, `{a,b}`.
 *
 * The list is that of pg-types' text parsers; of enums, domains and extensions it knows none. The pool keeps the elements
 * of `date[]` and `numeric[]` as texts.
 */
export const arrayTypes: Readonly<Record<string, ScalarType>> = {
  bool: { select: 'boolean' },
  bpchar: text,
  bytea: { select: 'Buffer' },
  cidr: text,
  date: text,
  float4: number,
  float8: number,
  inet: text,
  int2: number,
  int4: number,
  int8: bigint,
  interval,
  macaddr: text,
  money: text,
  numeric: text,
  numrange: text,
  oid: number,
  point,
  text,
  time: text,
  timetz: text,
  timestamp: wallClock,
  timestamptz: instant,
  uuid: text,
  varchar: text,
}
