/** What a run of the comparison has found, as it is written to JSON. */
import type { Summary } from '../harness/statistics.ts'

/** Everything that reports and charts are made of. */
export interface ComparisonResult {
  /** ISO 8601. */
  readonly startedAt: string
  /** A short run, whose figures mean little. */
  readonly isQuick: boolean
  readonly serverVersion: string
  readonly nodeVersion: string
  readonly machine: { readonly cores: number; readonly memoryGiB: number }
  /** Load of one minute. */
  readonly load: { readonly before: number; readonly after: number }
  /** Why the figures are to be distrusted; empty on a quiet machine. */
  readonly noise: readonly string[]
  readonly rounds: number
  readonly peers: readonly PeerEntry[]
  readonly leftOut: readonly LeftOut[]
  readonly cells: readonly Cell[]
}

/** A contender, under the name of its module. */
export interface PeerEntry {
  readonly key: string
  readonly name: string
  readonly version: string
}

/** A peer that was not measured. */
export interface LeftOut {
  readonly key: string
  readonly reason: string
}

/** The conditions that a group of cells was measured under. */
export interface Setting {
  /** The key of an {@link OperationEntry}. */
  readonly operation: OperationKey
  readonly network: Network
  /** How many at a time. */
  readonly concurrency: number
}

/** The figures of one contender under one setting. */
export interface Cell extends Setting {
  readonly peer: string
  /** Elapsed time by operations done, one value a round. */
  readonly microseconds: Summary
  /** The contender's time by the baseline's of the same round; null where the baseline does no such thing. */
  readonly toBaseline: Summary | null
  /** The contender's time by that of ibex-db in the same round: above 1 it is slower; null where ibex-db was not measured. */
  readonly toIbex: Summary | null
  /** Round trips of one operation, counted by the proxy; null at loopback and with several at a time. */
  readonly roundTrips: number | null
  /** Of the ten nearest by the definition, the share that was found, 0 to 1; null but for the search by vector. */
  readonly recall: number | null
}

export type Network = 'loopback' | '2 ms away'

/** Says what is measured, in the order of the tables. */
export interface OperationEntry {
  readonly key: OperationKey
  readonly title: string
  /** Of a bulk insert: the rows of one operation. */
  readonly rows?: number
}

export type OperationKey =
  | 'read'
  | 'page'
  | 'insert'
  | 'update'
  | 'unit'
  | 'bulk-small'
  | 'bulk-large'
  | 'nearest'
  | 'text'

/** The keys of the library and of the baseline among the peers. */
export const ibexKey = 'ibex-db'
export const baselineKey = 'bare-pg'

/** What the operations are called; a quick run inserts a tenth of the rows. */
export function operationEntries(isQuick: boolean): OperationEntry[] {
  const [small, large] = isQuick ? [100, 1_000] : [1_000, 10_000]
  return [
    { key: 'read', title: 'read by id' },
    { key: 'page', title: 'page of 20' },
    { key: 'insert', title: 'insert one' },
    { key: 'update', title: 'update one' },
    { key: 'unit', title: 'unit of work, 5 statements' },
    { key: 'bulk-small', title: `insert ${small.toLocaleString('en-US')} with vectors`, rows: small },
    { key: 'bulk-large', title: `insert ${large.toLocaleString('en-US')} with vectors`, rows: large },
    { key: 'nearest', title: 'vector search, k = 10' },
    { key: 'text', title: 'text search' },
  ]
}

/** Finds the cell of a contender under a setting, or `undefined`. */
export function findCell(
  { cells }: Pick<ComparisonResult, 'cells'>,
  peer: string,
  { operation, network, concurrency }: Setting,
): Cell | undefined {
  return cells.find(
    (cell) =>
      cell.peer === peer &&
      cell.operation === operation &&
      cell.network === network &&
      cell.concurrency === concurrency,
  )
}

/** The settings that were measured, in the order of the operations, then as they were measured. */
export function settingsOf({ cells, isQuick }: Pick<ComparisonResult, 'cells' | 'isQuick'>): Setting[] {
  const found = new Map<string, Setting>()
  for (const { operation, network, concurrency } of cells) {
    found.set(`${operation} ${network} ${concurrency}`, { operation, network, concurrency })
  }
  const order = operationEntries(isQuick).map(({ key }) => key)
  return [...found.values()].toSorted((a, b) => order.indexOf(a.operation) - order.indexOf(b.operation))
}
