/** What the benchmark compares. */
import type { ReadTarget } from '../seed.ts'

/** Reads one row by id, in one of the ways that are compared. */
export interface Contender {
  /** Identifies the contender in the JSON output. */
  readonly name: string
  /** Describes it in the printed table. */
  readonly label: string
  /** Reads the row, or answers with `undefined` when it is not there. */
  read(target: ReadTarget): Promise<unknown>
}

/** Says how contenders reach the server: each family opens one pool of its own, of the same size. */
export interface Connection {
  readonly url: string
  readonly poolSize: number
}

/** Holds contenders that share a pool, until it is closed. */
export interface ContenderFamily extends AsyncDisposable {
  readonly contenders: readonly Contender[]
}
