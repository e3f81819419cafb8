/** Several statements in one message batch with one Sync: one network round trip, one implicit transaction. */
import { InvalidArgumentError } from '../errors.ts'
import type { PreparedStatement, StatementCache } from './statement-cache.ts'
import { RowReader } from './row-reader.ts'
import type { Submittable, WireConnection, WireField, WireValue } from './wire.ts'

/** One statement of a batch. */
export interface BatchStatement {
  readonly text: string
  readonly values: readonly WireValue[]
  /** A named portal that is read in parts and outlives the batch; by default the statement runs to its end. */
  readonly portal?: string
  readonly maxRows?: number
}

/** What one statement of a batch gave back. */
export interface BatchResult {
  /** `SELECT`, `INSERT`, `COMMIT` …; empty for an empty statement. */
  readonly command: string
  readonly rowCount: number
  readonly rows: readonly Record<string, unknown>[]
  /** True when a portal stopped at `maxRows` and may have more. */
  readonly isSuspended: boolean
  /** How the rows are read, for the next part of a portal. */
  readonly reader: RowReader | undefined
}

/** Where a batch keeps its prepared statements, and how it reads types. */
export interface BatchContext {
  /** Undefined: every statement is parsed anew, without a name (poolers that do not know named statements). */
  readonly statements: StatementCache | undefined
  readonly role: string
  readonly parserOf: (oid: number) => (text: string) => unknown
}

/** What a batch does besides running its statements. */
export interface BatchOptions {
  /** The first statement whose result is wanted: those before it carry role and settings (default: the last). */
  readonly from?: number | undefined
  readonly step?: PortalStep | undefined
  /** Asked when it is this batch's turn: an error refuses the batch before a byte of it is sent. */
  readonly refuse?: (() => Error | undefined) | undefined
}

/** Continues a portal that an earlier batch opened. */
export interface PortalStep {
  readonly portal: string
  readonly maxRows: number
  readonly reader: RowReader | undefined
}

const commandTag = /^([A-Z]+)(?: .*?)??(?: (\d+))?$/

/**
 * Commands that have no plan to keep. Most hold a name made up for the occasion, which would push real statements out of
 * the cache; and a COMMIT must not fail because its name was deallocated.
 */
const unnamed = /^(?:begin|start transaction|commit|rollback|savepoint|release|close|set local)\b/

/** Characters of a statement that is worth a name: longer ones are made up for the occasion, and would be kept by both sides. */
const maxPreparedLength = 20_000

/**
 * A message batch, written as `pg`'s Submittable (the interface that pg-cursor uses): hand it to `client.query` and await
 * `results`.
 *
 * The server runs the statements in order and skips the rest after an error, so a statement never runs without the
 * settings before it. `results` settles when the server is ready again, not before: whoever gives the connection back
 * then knows its transaction status.
 *
 * Protocol: PostgreSQL manual, "Message Flow", "Extended Query" and "Pipelining".
 */
export class MessageBatch implements Submittable {
  /** What the statements from `from` on gave back, in their order. */
  readonly results: Promise<readonly BatchResult[]>
  /** Set by `pg` when the pool has a `query_timeout`; called so that its timer ends. */
  callback: ((error: Error | null) => void) | undefined
  readonly #context: BatchContext
  readonly #statements: readonly BatchStatement[]
  readonly #step: PortalStep | undefined
  readonly #refuse: (() => Error | undefined) | undefined
  readonly #from: number
  readonly #last: number
  readonly #results: BatchResult[] = []
  readonly #prepared: (PreparedStatement | undefined)[] = []
  #index = 0
  #reader: RowReader | undefined
  #rows: Record<string, unknown>[] = []
  #readError: Error | undefined
  #copyError: Error | undefined
  #resolve: (results: readonly BatchResult[]) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor(
    context: BatchContext,
    statements: readonly BatchStatement[],
    { from, step, refuse }: BatchOptions = {},
  ) {
    this.#context = context
    this.#statements = statements
    this.#step = step
    this.#refuse = refuse
    this.#last = step === undefined ? statements.length - 1 : statements.length
    this.#from = from ?? this.#last
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** True when the statement in flight had been prepared earlier: its error may be the name's, not the statement's. */
  get usedPrepared(): boolean {
    return this.#prepared[this.#index]?.isReady === true
  }

  /** True while a statement before the first wanted one is in flight: an error then is the role's or a setting's. */
  get isInPrefix(): boolean {
    return this.#index < this.#from
  }

  /** The place, among all statements, of the one in flight: that of the failed one after an error. */
  get place(): number {
    return this.#index
  }

  submit(connection: WireConnection): Error | null {
    const refusal = this.#refuse?.()
    if (refusal !== undefined) return refusal
    connection.stream.cork?.()
    try {
      for (const name of this.#context.statements?.takeClosing() ?? []) connection.close({ type: 'S', name })
      for (const [index, statement] of this.#statements.entries()) this.#send(connection, statement, index)
      if (this.#step !== undefined)
        connection.execute({ portal: this.#step.portal, rows: this.#step.maxRows })
      connection.sync()
    } finally {
      connection.stream.uncork?.()
    }
    this.#startStatement()
    return null
  }

  #send(connection: WireConnection, statement: BatchStatement, index: number): void {
    const isOneOff = statement.text.length > maxPreparedLength || unnamed.test(statement.text)
    const prepared = isOneOff ? undefined : this.#context.statements?.get(this.#context.role, statement.text)
    // settings of the scope and of the query may be the same text: a name is parsed once
    const isReady = prepared?.isReady === true
    const isParsed = isReady || (prepared !== undefined && this.#prepared.includes(prepared))
    this.#prepared[index] = prepared
    const name = prepared?.name ?? ''
    const portal = statement.portal ?? ''
    if (!isParsed) connection.parse({ name, text: statement.text })
    connection.bind({ portal, statement: name, values: statement.values })
    if (!isReady) connection.describe({ type: 'P', name: portal })
    connection.execute({ portal, rows: statement.maxRows ?? 0 })
  }

  handleRowDescription({ fields }: { readonly fields: readonly WireField[] }): void {
    this.#reader = new RowReader(fields, this.#context.parserOf)
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    if (this.#index < this.#from || this.#reader === undefined) return
    try {
      this.#rows.push(this.#reader.read(fields))
    } catch (error) {
      this.#readError ??= error instanceof Error ? error : new Error('a type parser threw', { cause: error })
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const match = commandTag.exec(text)
    const command = match?.[1] ?? text
    // the server has just forgotten names that this connection would go on using
    if (command === 'DISCARD' || command === 'DEALLOCATE') this.#context.statements?.clear()
    this.#finishStatement(command, Number(match?.[2] ?? 0))
  }

  handlePortalSuspended(): void {
    this.#finishStatement('', this.#rows.length, true)
  }

  handleEmptyQuery(): void {
    this.#finishStatement('', 0)
  }

  handleError(error: Error, connection: WireConnection): void {
    this.#forgetUnconfirmed()
    const failure = this.#copyError ?? error
    const fail = (): void => {
      connection.removeListener('readyForQuery', fail)
      connection.removeListener('end', fail)
      this.callback?.(failure)
      this.#reject(failure)
    }
    // an error that the server reported is followed by ReadyForQuery (which pg, having dropped its active query, tells
    // nobody) or, when it is fatal, by the end of the connection; any other error means that there is no connection
    if (!('severity' in error)) return fail()
    connection.once('readyForQuery', fail)
    connection.once('end', fail)
  }

  handleReadyForQuery(): void {
    this.callback?.(this.#readError ?? null)
    if (this.#readError !== undefined) return this.#reject(this.#readError)
    this.#resolve(this.#results)
  }

  handleCopyInResponse(connection: { sendCopyFail(message: string): void; sync(): void }): void {
    this.#copyError = new InvalidArgumentError(
      'query',
      'copies from stdin, which is not available here: use insertMany',
    )
    connection.sendCopyFail(this.#copyError.message)
    // the server has ignored the batch's own Sync, as it ignores every one while it waits for data
    connection.sync()
  }

  handleCopyData(): void {}

  #startStatement(): void {
    const prepared = this.#prepared[this.#index]
    if (prepared?.isReady === true) this.#reader = prepared.reader
    else this.#reader = this.#index === this.#last ? this.#step?.reader : undefined
  }

  #finishStatement(command: string, rowCount: number, isSuspended = false): void {
    const prepared = this.#prepared[this.#index]
    if (prepared !== undefined && !prepared.isReady) {
      prepared.isReady = true
      prepared.reader = this.#reader
    }
    if (this.#index >= this.#from) {
      this.#results.push({ command, rowCount, rows: this.#rows, isSuspended, reader: this.#reader })
      this.#rows = []
    }
    if (this.#index === this.#last) return
    this.#index += 1
    this.#startStatement()
  }

  /** After an error nobody knows which of the new statements the server has parsed: their names are not used again. */
  #forgetUnconfirmed(): void {
    for (const [index, prepared] of this.#prepared.entries()) {
      const text = this.#statements[index]?.text
      if (prepared?.isReady === false && text !== undefined)
        this.#context.statements?.forget(this.#context.role, text)
    }
  }
}
