/** Refuses, before any SQL, the statements that the protocol or the scope cannot carry. */
import type { CompiledQuery } from 'kysely'
import { InvalidArgumentError } from '../errors.ts'
import { skipToFirstWord } from './first-word.ts'

/** The most parameters that the protocol's 16-bit count can say; more would wrap around silently. */
const maxParameters = 65_535

/** The embedded engine would wait for data that it cannot be told the end of, and the process with it. */
const copying = /^copy\b.*\bfrom\s+stdin\b/is

/** Statements that end the transaction, and its settings with it; `rollback to` a savepoint does not. */
const ending =
  /^(?:(?:rollback|abort)\b(?!\s+(?:(?:work|transaction)\s+)?to\b)|commit\b|end\b|prepare\s+transaction\b)/i

/** Begins a transaction, which inside another one does nothing but warn. */
const beginning = /^(?:begin|start\s+transaction)\b/i

/** @throws {InvalidArgumentError} when the statement begins a transaction: it already runs in one, which ends with it. */
export function refuseBegin(sql: string): void {
  if (!beginning.test(skipToFirstWord(sql))) return
  throw new InvalidArgumentError(
    'query',
    'begins a transaction, which would end with the statement: use transaction()',
  )
}

/** @throws {InvalidArgumentError} when the statement has too many parameters, copies from stdin, or ends a scope's transaction. */
export function guardStatement({ sql, parameters }: CompiledQuery, isInScopedTransaction: boolean): void {
  const text = skipToFirstWord(sql)
  if (parameters.length > maxParameters) {
    throw new InvalidArgumentError(
      'query',
      `has ${parameters.length} parameters, PostgreSQL takes ${maxParameters}: use insertMany, or one array`,
    )
  }
  if (copying.test(text)) {
    throw new InvalidArgumentError('query', 'copies from stdin, which is not available here: use insertMany')
  }
  if (isInScopedTransaction && ending.test(text)) {
    throw new InvalidArgumentError(
      'query',
      'ends the transaction, and the scope with it: return from the callback to commit, throw to roll back',
    )
  }
}

/** What commits while it runs would go on as the login itself, without role and tenant; inside a transaction it cannot. */
const committing = /^(?:do|call)\b/i

/** True for statements that may commit from within, which a scope therefore runs in an explicit transaction. */
export function mayCommit(sql: string): boolean {
  return committing.test(skipToFirstWord(sql))
}

/** Commands whose effect outlives the transaction: whoever borrows the connection next would meet it. */
const lasting: ReadonlySet<string> = new Set(['SET', 'RESET', 'DECLARE', 'LISTEN', 'PREPARE', 'LOAD'])
const transactionLocal = /^(?:set\s+(?:local|transaction|constraints)\b|declare\b(?!.*\bwith\s+hold\b))/is

/** True when the session, and not only the transaction, is another one after this command. */
export function changesSession(command: string, sql: string): boolean {
  return lasting.has(command) && !transactionLocal.test(skipToFirstWord(sql))
}
