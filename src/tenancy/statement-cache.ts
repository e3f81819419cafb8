/** The named prepared statements of one connection. */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { RowReader } from './row-reader.ts'

/** A statement that this connection has parsed, or is about to. */
export interface PreparedStatement {
  readonly name: string
  /** How often it was sent. */
  uses: number
  /** False until the server confirmed Parse and Describe. */
  isReady: boolean
  /** How its rows are read; undefined when it returns none. */
  reader: RowReader | undefined
}

/** Statements kept per connection and role: well above what a service sends, well below what hurts a backend's memory. */
const maxStatements = 250

/**
 * A plan that knows no values holds every partition: making one takes as long as it saves in some thirty searches, and a connection
 * that is idle soon ends. With half of that, neither a short life nor a long one pays much more than it had to.
 */
const frequentUses = 15

/**
 * Behind a pooler a session of the server serves several processes. With names that two of them use, one would run the
 * other's statement; with names of its own it is told that there is no such statement.
 */
const processName = randomBytes(4).toString('hex')

/** Numbers the caches: on the embedded engine every connection is the same session, where a name may exist only once. */
let cacheCount = 0

/**
 * Remembers which statements a connection knows by name, so that each is parsed and planned once.
 *
 * Kept per role: PostgreSQL plans a statement again whenever row-level security applies to another role than last time.
 * The least recently used statement is closed on the server with the next message batch.
 */
export class StatementCache {
  readonly #byRole: Map<string, LRUCache<string, PreparedStatement>> = new Map()
  readonly #prefix: string
  #closing: string[] = []
  #count = 0

  constructor() {
    cacheCount += 1
    this.#prefix = `ibex_${processName}_${cacheCount}`
  }

  /** The statement of this text, known or new; a new one is not ready and must be parsed. */
  get(role: string, text: string): PreparedStatement {
    const statements = this.#statementsOf(role)
    const known = statements.get(text)
    if (known !== undefined) {
      known.uses += 1
      return known
    }
    this.#count += 1
    const statement = { name: `${this.#prefix}_${this.#count}`, uses: 1, isReady: false, reader: undefined }
    statements.set(text, statement)
    return statement
  }

  /** Tells whether a plan of this statement would be used often enough to pay for being made and kept. */
  isFrequent(role: string, text: string): boolean {
    const statement = this.#statementsOf(role).peek(text)
    return statement !== undefined && statement.uses >= frequentUses
  }

  /** Forgets a statement whose state on the server is unknown or stale, and closes it with the next batch. */
  forget(role: string, text: string): void {
    this.#statementsOf(role).delete(text)
  }

  /** Forgets every statement: the server no longer knows them, or not all of them. */
  clear(): void {
    for (const statements of this.#byRole.values()) statements.clear()
  }

  /** The names to close, handed out once. */
  takeClosing(): readonly string[] {
    if (this.#closing.length === 0) return this.#closing
    const names = this.#closing
    this.#closing = []
    return names
  }

  #statementsOf(role: string): LRUCache<string, PreparedStatement> {
    let statements = this.#byRole.get(role)
    if (statements === undefined) {
      statements = new LRUCache({ max: maxStatements, dispose: ({ name }) => this.#closing.push(name) })
      this.#byRole.set(role, statements)
    }
    return statements
  }
}
