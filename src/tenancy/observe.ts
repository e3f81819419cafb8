/** Times a statement, tells the query hook about it, and turns its error into one of ours. */
import type { ContextStyle, QueryEvent } from '../database/options.ts'
import type { BatchResult, BatchStatement } from './message-batch.ts'

/** What becomes of errors where the usual is not meant. */
export interface ErrorTraits {
  readonly mapError?: (error: unknown) => unknown
  readonly quotesParameters?: boolean
}

/** What the statements of one scope have in common. */
export interface ScopeTraits {
  readonly role: string | undefined
  /** Default: the primary. */
  readonly server?: QueryEvent['server']
  /** How {@link prefix} and the settings of a statement are sent. */
  readonly context: ContextStyle
  /** The statements that set role and settings; empty when there are none. */
  readonly prefix: readonly BatchStatement[]
  readonly signal: AbortSignal | undefined
  readonly systemReason: string | undefined
  readonly onQuery: ((event: QueryEvent) => void) | undefined
  readonly mapError: (error: unknown) => unknown
  /** True when whoever reads the errors has written the parameters. */
  readonly quotesParameters?: boolean
}

/**
 * Runs a statement of a scope for the hook and the caller to see.
 *
 * @throws the signal's reason once it is aborted, else what `mapError` makes of the error.
 */
export async function observe(
  traits: ScopeTraits,
  sql: string,
  run: () => Promise<BatchResult>,
): Promise<BatchResult> {
  const { onQuery, signal } = traits
  signal?.throwIfAborted()
  const start = onQuery === undefined ? 0 : performance.now()
  let result: BatchResult
  try {
    result = await run()
  } catch (cause) {
    const error = signal?.aborted === true ? signal.reason : withCallers(toThrow(traits, cause, sql))
    if (onQuery !== undefined) tell(onQuery, { ...toEvent(traits, sql, start, 0), error })
    throw error
  }
  if (onQuery !== undefined) tell(onQuery, toEvent(traits, sql, start, result.rowCount))
  return result
}

function toThrow({ mapError, quotesParameters }: ScopeTraits, cause: unknown, sql: string): unknown {
  return mapError(quotesParameters === true ? cause : withoutParameters(cause, sql))
}

/** Calls the hook: the statement has run, so what the hook throws must not look like the statement's failure. */
function tell(onQuery: (event: QueryEvent) => void, event: QueryEvent): void {
  try {
    onQuery(event)
  } catch {
    process.emitWarning('onQuery threw: its error is ignored', { code: 'IBEX_ON_QUERY' })
  }
}

function toEvent(
  { role, server = 'primary', systemReason }: ScopeTraits,
  sql: string,
  start: number,
  rowCount: number,
): QueryEvent {
  const event = { sql, duration: performance.now() - start, rowCount, role, server }
  return systemReason === undefined ? event : { ...event, systemReason }
}

/** An error of `pg` was made when the socket was read, so its stack says nothing of who has asked. */
function withCallers(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { stackTraceLimit } = Error
  // Kysely's frames alone would use up the usual ten
  Error.stackTraceLimit = stackTraceLimit + 20
  Error.captureStackTrace(error, withCallers)
  Error.stackTraceLimit = stackTraceLimit
  return error
}

/**
 * PostgreSQL quotes in its messages of class 42 what it took for a name, also when it came as a parameter
 * (`to_tsquery($1)`, `$1::regclass`): what is no part of the statement's text is left out.
 */
function withoutParameters(error: unknown, sql: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('42')) return error
  const quoted = Array.from(error.message.matchAll(/"([^"]*)"/g), ([, name]) => name ?? '')
  if (quoted.every((name) => name.split('.').every((part) => sql.includes(part)))) return error
  error.message = error.message.replace(/".*"/s, '"…"')
  // the stack repeats the message
  error.stack = `${error.name}: ${error.message}`
  return error
}
