/** One connection of a superuser in one transaction that is never committed. */
import type { Kysely } from 'kysely'
import { Kysely as KyselyClass, PostgresDialect } from 'kysely'
import type { PoolClient, QueryResult } from 'pg'
import { ConnectionPool } from '../database/connection-pool.ts'
import { resolveOptions } from '../database/options.ts'
import type { DatabaseTarget } from '../database/options.ts'
import { InsufficientPrivilegeError, InvalidArgumentError } from '../errors.ts'

/** Where to test: what `startTestDatabase` returns, or the URL of a superuser, or an embedded engine. */
export type TestTarget = DatabaseTarget | { readonly target: DatabaseTarget }

/** What a statement gave: rows, or an error. */
export interface Outcome {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly rowCount: number
  readonly error: OutcomeError | undefined
}

/** What a caller can tell of an error of the server. */
export interface OutcomeError {
  readonly code: string
  readonly message: string
  readonly constraint: string | undefined
  readonly column: string | undefined
  readonly dataType: string | undefined
}

/** Opens a session, and hands it over with what reads the catalog on the same connection. */
export async function withSession<T>(
  target: TestTarget,
  callback: (session: TestSession, db: Kysely<unknown>) => Promise<T>,
): Promise<T> {
  const options = { ...targetOf(target), poolSize: 1, applicationName: 'ibex-db testing' }
  const pool = new ConnectionPool(resolveOptions(options))
  const db = new KyselyClass<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    return await callback(new TestSession(pool), db)
  } finally {
    await db.destroy()
  }
}

/** The place of the database itself. */
function targetOf(target: TestTarget): DatabaseTarget {
  if (typeof target === 'object' && target !== null) {
    if ('target' in target) return target.target
    if ('url' in target) return { url: target.url }
    if ('embedded' in target) return { embedded: target.embedded }
  }
  throw new InvalidArgumentError(
    'database',
    'must be what startTestDatabase returns, { url } of a superuser, or { embedded }',
  )
}

/** Sends statements as the superuser; what goes wrong within {@link attempt} is an outcome and no error. */
export class TestSession {
  readonly kind: 'server' | 'embedded'
  readonly #pool: ConnectionPool
  readonly #prepared: string[] = []
  #client: PoolClient | undefined

  constructor(pool: ConnectionPool) {
    this.#pool = pool
    this.kind = pool.kind
  }

  /**
   * Opens the transaction, calls back and takes everything back.
   *
   * @throws {InsufficientPrivilegeError} when the login is no superuser.
   */
  async undone<T>(callback: () => Promise<T>): Promise<T> {
    this.#client = await this.#pool.connect()
    try {
      await this.run('begin; set local statement_timeout = 60000; set local lock_timeout = 30000')
      await this.#requireSuperuser()
      // the probes read what an error says, in one language
      await this.run("set local lc_messages = 'C'")
      return await callback()
    } finally {
      const client = this.#client
      this.#client = undefined
      // prepared statements outlive the transaction, and the embedded engine's session is not ours alone
      const forget = this.#prepared.splice(0).map((name) => `; deallocate ${name}`)
      await client.query(`rollback${forget.join('')}`).then(
        () => client.release(),
        (error: unknown) => client.release(error instanceof Error ? error : true),
      )
    }
  }

  /** Runs a script of any number of statements and returns the rows of the last one that has some. */
  async run<R = Readonly<Record<string, unknown>>>(script: string): Promise<readonly R[]> {
    const results = await this.#send(script)
    // the caller says what its statement selects
    return (results.findLast(({ fields }) => fields.length > 0)?.rows ?? []) as readonly R[]
  }

  /** Runs a script and returns the rows of all its statements, one list a statement. */
  async runEach(script: string): Promise<readonly (readonly unknown[])[]> {
    return (await this.#send(script)).map(({ rows }) => rows)
  }

  /** Prepares a statement that is to be run often; ends with the transaction. */
  async prepare(name: string, statement: string): Promise<void> {
    await this.run(`prepare ${name} as ${statement}`)
    this.#prepared.push(name)
  }

  /** Takes back what the callback does. */
  async within<T>(name: string, callback: () => Promise<T>): Promise<T> {
    await this.run(`savepoint ${name}`)
    try {
      return await callback()
    } finally {
      await this.run(`rollback to savepoint ${name}; release savepoint ${name}`)
    }
  }

  /**
   * Runs `before` and then one statement behind the last savepoint; an error of either is the outcome, and undone up to
   * the savepoint. Deferred constraints are checked at once.
   */
  async attempt(before: string, statement: string): Promise<Outcome> {
    try {
      const results = await this.#send(`${before}${statement}; set constraints all immediate`)
      const result = results.at(-2)
      return { rows: result?.rows ?? [], rowCount: result?.rowCount ?? 0, error: undefined }
    } catch (error) {
      return { rows: [], rowCount: 0, error: outcomeError(error) }
    }
  }

  async #send(script: string): Promise<readonly QueryResult[]> {
    if (this.#client === undefined) throw new Error('the session is used outside of its transaction')
    // pg gives a list for a script of several statements, which its types do not know
    const result: unknown = await this.#client.query(script)
    return Array.isArray(result) ? result : [result as QueryResult]
  }

  async #requireSuperuser(): Promise<void> {
    const [row] = await this.run<{ rolsuper: boolean }>(
      'select rolsuper from pg_catalog.pg_roles where rolname = session_user',
    )
    if (row?.rolsuper === true) return
    throw new InsufficientPrivilegeError(
      'the test kit looks at rows from outside of every tenant: pass the url of a superuser of a test server',
      { sqlState: '42501' },
    )
  }
}

function outcomeError(error: unknown): OutcomeError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name)
    return typeof value === 'string' ? value : undefined
  }
  // a connection that broke is no answer of the server
  if (error.code.length !== 5 || field('severity') === 'FATAL') throw error
  return {
    code: error.code,
    message: error.message,
    constraint: field('constraint'),
    column: field('column'),
    dataType: field('dataType'),
  }
}
