/** Every error that the library raises. */

/**
 * The base of every error that the library raises.
 *
 * `code` is a literal to branch on, `isRetryable` says whether running the whole unit of work again can succeed. No error
 * carries a value: no parameter, no row, no tenant id, no PostgreSQL `detail`.
 */
export abstract class IbexError extends Error {
  abstract override readonly name: string
  abstract readonly code: string
  readonly isRetryable: boolean = false
}

/** Raised by `createDatabase` when an option is missing, unknown or out of range. */
export class InvalidOptionsError extends IbexError {
  override readonly name = 'InvalidOptionsError'
  override readonly code = 'invalid_options'
}

/** Raised when the embedded database is asked for and its packages are not installed. */
export class MissingEmbeddedEngineError extends IbexError {
  override readonly name = 'MissingEmbeddedEngineError'
  override readonly code = 'missing_embedded_engine'
}

/** Raised when a part of the test kit needs a package that is not installed. */
export class MissingTestPackageError extends IbexError {
  override readonly name = 'MissingTestPackageError'
  override readonly code = 'missing_test_package'
}

/** Raised when the database that the test kit is pointed at holds rows already: it may be a real one. */
export class NotEmptyDatabaseError extends IbexError {
  override readonly name = 'NotEmptyDatabaseError'
  override readonly code = 'not_empty_database'
  readonly table: string

  constructor(table: string) {
    super(
      `table "${table}" holds rows: pass a database that is there for tests, or acceptExistingRows: true when this one is`,
    )
    this.table = table
  }
}

/** Raised when the embedded database cannot be started: its directory is in use, damaged or not writable. */
export class EmbeddedEngineError extends IbexError {
  override readonly name = 'EmbeddedEngineError'
  override readonly code = 'embedded_engine'
}

/** Raised when the embedded database is asked for something that needs a server. */
export class UnsupportedOnEmbeddedError extends IbexError {
  override readonly name = 'UnsupportedOnEmbeddedError'
  override readonly code = 'unsupported_on_embedded'
}

/** Raised when a database is used after `close()`. */
export class DatabaseClosedError extends IbexError {
  override readonly name = 'DatabaseClosedError'
  override readonly code = 'database_closed'

  constructor() {
    super('the database is closed: create a new one, or close it later')
  }
}

/** Raised when no connection can be opened: nobody answers, the name is unknown, the time is over. */
export class ConnectionFailedError extends IbexError {
  override readonly name = 'ConnectionFailedError'
  override readonly code = 'connection_failed'
  override readonly isRetryable = true
}

/** Raised when every connection of the pool stayed in use for `connectTimeout`. */
export class ConnectionPoolTimeoutError extends IbexError {
  override readonly name = 'ConnectionPoolTimeoutError'
  override readonly code = 'connection_pool_timeout'
  override readonly isRetryable = true
}

/**
 * Raised when an open connection breaks.
 *
 * Before COMMIT was sent nothing of a transaction took effect, and it may run again: `isRetryable` is true. Of a single
 * statement, and of a transaction whose COMMIT was on its way, nobody knows.
 */
export class ConnectionLostError extends IbexError {
  override readonly name = 'ConnectionLostError'
  override readonly code = 'connection_lost'
  override readonly isRetryable: boolean

  constructor(message: string, options: ErrorOptions & { readonly isRetryable?: boolean } = {}) {
    super(message, options)
    this.isRetryable = options.isRetryable ?? false
  }
}

/** Raised when a reranker throws, or does not return one number for each hit. */
export class RerankError extends IbexError {
  override readonly name = 'RerankError'
  override readonly code = 'rerank'
  override readonly isRetryable = true
}

/** Raised before any SQL when a scope is asked for without a tenant. */
export class MissingTenantError extends IbexError {
  override readonly name = 'MissingTenantError'
  override readonly code = 'missing_tenant'

  constructor() {
    super('tenant id is missing: pass the id of an existing organization')
  }
}

/** Raised before any SQL when a tenant id is not a uuid in PostgreSQL's canonical form. */
export class InvalidTenantIdError extends IbexError {
  override readonly name = 'InvalidTenantIdError'
  override readonly code = 'invalid_tenant_id'

  constructor() {
    super('tenant id is not a uuid: pass the id of an existing organization, 36 characters, without quotes')
  }
}

/** Raised when one tenant's scope is handed another tenant's row, or opens a transaction inside another tenant's. */
export class TenantMismatchError extends IbexError {
  override readonly name = 'TenantMismatchError'
  override readonly code = 'tenant_mismatch'
}

/** Raised when the outer scope is used inside a transaction callback, where its statement would run outside the transaction. */
export class OuterScopeError extends IbexError {
  override readonly name = 'OuterScopeError'
  override readonly code = 'outer_scope'

  constructor() {
    super(
      'the outer scope is used inside a transaction callback, so its statement would run outside the transaction: ' +
        "use the callback's argument (trx), or runOutsideTransaction(…) to do it on purpose",
    )
  }
}

/** Raised when the tenant's organization does not exist, was deleted, or is another tenant's. */
export class UnknownOrganizationError extends IbexError {
  override readonly name = 'UnknownOrganizationError'
  override readonly code = 'unknown_organization'

  constructor(options?: ErrorOptions) {
    super('organization does not exist: create it with asSystem(…) before its rows, or check the id', options)
  }
}

/** Raised when the tenant's organization exists and may not be served. */
export class InactiveOrganizationError extends IbexError {
  override readonly name = 'InactiveOrganizationError'
  override readonly code = 'inactive_organization'
  readonly status: string

  constructor(status: string) {
    super(`organization is ${status}: set its status to active or trial before serving it`)
    this.status = status
  }
}

/** Raised by `verifyIsolation` when a tenant's rows would not be kept apart; `problems` says what is wrong, one sentence each. */
export class IsolationError extends IbexError {
  override readonly name = 'IsolationError'
  override readonly code = 'isolation_not_enforced'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`tenant isolation is not enforced: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/** Raised when the database lacks the tables, roles or extension that the migrations create. */
export class MissingMigrationsError extends IbexError {
  override readonly name = 'MissingMigrationsError'
  override readonly code = 'missing_migrations'
}

/** Raised when a migration cannot run; the message says what an administrator or the author must do. */
export class MigrationError extends IbexError {
  override readonly name = 'MigrationError'
  override readonly code = 'migration_failed'
}

/** Raised when another runner is at work on the same migrations, for longer than this one waits. */
export class MigrationLockedError extends IbexError {
  override readonly name = 'MigrationLockedError'
  override readonly code = 'migration_locked'
  override readonly isRetryable = true
}

/** What is wrong with migrations that have run: their source was edited, is gone, or sorts elsewhere now. */
export type MigrationHistoryProblem = 'edited' | 'missing' | 'reordered'

/** Raised before anything runs when the migrations that have run are not those of the source; `migrations` names them. */
export class MigrationHistoryError extends IbexError {
  override readonly name = 'MigrationHistoryError'
  override readonly code = 'migration_history'
  readonly problem: MigrationHistoryProblem
  readonly migrations: readonly string[]

  constructor(problem: MigrationHistoryProblem, migrations: readonly string[], advice: string) {
    super(advice)
    this.problem = problem
    this.migrations = migrations
  }
}

/** Raised when migrations are to run through a transaction pooler, which hands locks and settings of a session to others. */
export class TransactionPoolerError extends IbexError {
  override readonly name = 'TransactionPoolerError'
  override readonly code = 'transaction_pooler'

  constructor() {
    super(
      'migrations cannot go through a transaction pooler, which shares their session with others: ' +
        "pass the server's own url (DATABASE_DIRECT_URL, --direct-url)",
    )
  }
}

/** Raised by the doctor when this login may not read a part of the catalog, or the server is too old. */
export class UnreadableCatalogError extends IbexError {
  override readonly name = 'UnreadableCatalogError'
  override readonly code = 'unreadable_catalog'
}

/** Raised by the doctor when the file of accepted findings is not what it should be; the message says where. */
export class InvalidBaselineError extends IbexError {
  override readonly name = 'InvalidBaselineError'
  override readonly code = 'invalid_baseline'
}

/** What the hook of the hot cache is told when the cache does not work; no caller ever sees it. */
export class HotCacheError extends IbexError {
  override readonly name = 'HotCacheError'
  override readonly code = 'hot_cache'
  /** False when the cache is not tried again: something must be configured otherwise. */
  override readonly isRetryable: boolean
  /** What failed: reading, writing or dropping an entry, or hearing of changes. */
  readonly operation: 'read' | 'write' | 'drop' | 'listen'

  constructor(
    operation: HotCacheError['operation'],
    message: string,
    options: ErrorOptions & { readonly isRetryable?: boolean } = {},
  ) {
    super(message, options)
    this.operation = operation
    this.isRetryable = options.isRetryable ?? true
  }
}

/** Raised by the doctor when a mending statement fails; then none has taken effect. */
export class FixFailedError extends IbexError {
  override readonly name = 'FixFailedError'
  override readonly code = 'fix_failed'
}

/** Raised by the `…OrThrow` methods; a row of another tenant looks exactly like a missing one. */
export class RowNotFoundError extends IbexError {
  override readonly name = 'RowNotFoundError'
  override readonly code = 'row_not_found'
  readonly table: string

  constructor(table: string) {
    super(`no row with this id in "${table}": it does not exist, was deleted, or belongs to another tenant`)
    this.table = table
  }
}

/** Raised when an execution is to end that has ended before: another worker was first, or the sweep of stale ones. */
export class NotRunningError extends IbexError {
  override readonly name = 'NotRunningError'
  override readonly code = 'not_running'
  readonly table: string

  constructor(table: string) {
    super(`the execution in "${table}" is not running: it has ended before, and stays as it is`)
    this.table = table
  }
}

/** Raised when a memory is not in the status from which the change starts; `status` is the one that it is in. */
export class MemoryStatusError extends IbexError {
  override readonly name = 'MemoryStatusError'
  override readonly code = 'memory_status'
  readonly status: string

  constructor(status: string, expected: string) {
    super(`memory is ${status}: this needs one that is ${expected}`)
    this.status = status
  }
}

/** Raised when a request is repeated with other content than it had the first time; what it made then stays as it is. */
export class RequestConflictError extends IbexError {
  override readonly name = 'RequestConflictError'
  override readonly code = 'request_conflict'
  readonly table: string

  constructor(table: string) {
    super(`the request was made before with other content in "${table}": give a new request an id of its own`)
    this.table = table
  }
}

/** Raised when a user is not in the status from which the change starts; `status` is the one that the user is in. */
export class UserStatusError extends IbexError {
  override readonly name = 'UserStatusError'
  override readonly code = 'user_status'
  readonly status: string

  constructor(status: string, expected: string) {
    super(`user is ${status}: this needs a user who is ${expected}`)
    this.status = status
  }
}

/** Raised when a token is to be issued for a user who may not use it: not active, or soft-deleted. */
export class InactiveUserError extends IbexError {
  override readonly name = 'InactiveUserError'
  override readonly code = 'inactive_user'

  constructor() {
    super('user is not active: only a user who is active and was not deleted can have tokens')
  }
}

/**
 * Raised when a statement handed to `untrusted` was refused or failed; nothing was changed.
 *
 * The message ends with PostgreSQL's own: the exception among these errors, because whoever wrote the statement needs it to
 * write a better one, and has seen every row that the statement could. Show it to nobody else.
 */
export class UntrustedStatementError extends IbexError {
  override readonly name = 'UntrustedStatementError'
  override readonly code = 'untrusted_statement'
  readonly sqlState: string

  constructor(sqlState: string, reason: string) {
    super(`the statement was refused or failed (${sqlState}): ${reason}`)
    this.sqlState = sqlState
  }
}

/** Raised before any SQL when an argument is not what the method takes; `argument` names it. */
export class InvalidArgumentError extends IbexError {
  override readonly name = 'InvalidArgumentError'
  override readonly code = 'invalid_argument'
  readonly argument: string

  constructor(argument: string, expectation: string) {
    super(`${argument} ${expectation}`)
    this.argument = argument
  }
}

/** Raised by a statement of a batch when another one failed: nothing of the batch took effect. */
export class BatchFailedError extends IbexError {
  override readonly name = 'BatchFailedError'
  override readonly code = 'batch_failed'

  constructor() {
    super('another statement of the batch failed: nothing of the batch took effect')
  }
}

/** Raised before any SQL when a row, patch, filter or order names a column that the table does not have or that is not writable. */
export class InvalidColumnError extends IbexError {
  override readonly name = 'InvalidColumnError'
  override readonly code = 'invalid_column'
  readonly table: string
  readonly column: string

  constructor(table: string, column: string, reason: string) {
    super(`column "${column}" of "${table}" ${reason}`)
    this.table = table
    this.column = column
  }
}

/** Raised when a page cursor was altered, or comes from another query or another tenant. */
export class InvalidCursorError extends IbexError {
  override readonly name = 'InvalidCursorError'
  override readonly code = 'invalid_cursor'

  constructor() {
    super(
      'cursor does not belong to this query: pass the cursor of the previous page unchanged, with the same filter and order',
    )
  }
}

/**
 * Raised inside a transaction when the session does not have the statements that this connection has prepared: a pooler in
 * transaction mode hands its sessions round. Outside a transaction the statement is sent again without a name.
 */
export class PreparedStatementError extends IbexError {
  override readonly name = 'PreparedStatementError'
  override readonly code = 'prepared_statement'
  override readonly isRetryable = true

  constructor(options?: ErrorOptions) {
    super(
      'the session does not have the statements that this connection has prepared: behind a transaction pooler pass prepare: false',
      options,
    )
  }
}

/** Raised before any SQL when a vector has the wrong dimension or holds a number that is not finite. */
export class InvalidVectorError extends IbexError {
  override readonly name = 'InvalidVectorError'
  override readonly code = 'invalid_vector'
}

/**
 * Raised when an embedder fails, or returns something else than one good vector for each text; nothing was written of it.
 *
 * `cause` is the embedder's own error, or says what is wrong with its vector.
 */
export class EmbeddingFailedError extends IbexError {
  override readonly name = 'EmbeddingFailedError'
  override readonly code = 'embedding_failed'
}

/** Raised when a tenant's embedding model is changed by two at once, or to two models; what is embedded already stays. */
export class ReembeddingConflictError extends IbexError {
  override readonly name = 'ReembeddingConflictError'
  override readonly code = 'reembedding_conflict'
}

/**
 * Raised when many memories are added and one cannot be; `cause` says why.
 *
 * The first `written` rows of the source are written, or were there, and none after them: go on from there. `index` is the
 * place of the row that was refused, or undefined when the source, the embedder, a callback or the connection failed.
 */
export class BulkAddError extends IbexError {
  override readonly name = 'BulkAddError'
  override readonly code = 'bulk_add'
  override readonly isRetryable: boolean
  readonly index: number | undefined
  readonly written: number

  constructor(
    {
      index,
      written,
      isRetryable,
    }: { readonly index: number | undefined; readonly written: number; readonly isRetryable: boolean },
    options?: ErrorOptions,
  ) {
    const what = index === undefined ? 'adding stopped' : `the memory at index ${index} was refused`
    super(`${what} after ${written} rows were written: see the cause, and go on from there`, options)
    this.index = index
    this.written = written
    this.isRetryable = isRetryable
  }
}

/** Raised when the export of a tenant is damaged, cut off, or of another version; nothing was written. `line` counts from 1. */
export class InvalidExportError extends IbexError {
  override readonly name = 'InvalidExportError'
  override readonly code = 'invalid_export'
  readonly line: number

  constructor(line: number, reason: string) {
    super(`line ${line} of the export ${reason}`)
    this.line = line
  }
}

/** Raised when a tenant is imported whose organization the database has; nothing was written. */
export class OrganizationExistsError extends IbexError {
  override readonly name = 'OrganizationExistsError'
  override readonly code = 'organization_exists'

  constructor() {
    super(
      'the organization of the export exists here: import into a database without it, or pass ifExists: skip',
    )
  }
}

/**
 * Raised when an order names products that cannot be ordered: unknown, deleted, not published, or another tenant's.
 *
 * `positions` says which of the items, by their places in what was handed in; nothing was written.
 */
export class ProductUnavailableError extends IbexError {
  override readonly name = 'ProductUnavailableError'
  override readonly code = 'product_unavailable'
  readonly positions: readonly number[]

  constructor(positions: readonly number[]) {
    super('a product cannot be ordered: it must exist and be published')
    this.positions = positions
  }
}

/**
 * Raised when more is taken from the inventory of a product than there is; nothing was written.
 *
 * `positions` says which items of an order, by their places in what was handed in.
 */
export class InsufficientInventoryError extends IbexError {
  override readonly name = 'InsufficientInventoryError'
  override readonly code = 'insufficient_inventory'
  readonly positions: readonly number[]

  constructor(positions: readonly number[] = []) {
    super('the inventory holds less than is taken: take less, or restock the product')
    this.positions = positions
  }
}

/** Raised when an order would cost something else than the buyer was told; nothing was written. */
export class OrderTotalMismatchError extends IbexError {
  override readonly name = 'OrderTotalMismatchError'
  override readonly code = 'order_total_mismatch'

  constructor() {
    super(
      'the total of the order is not the one expected: show the buyer the prices of now, and place it again',
    )
  }
}

/** Raised when the status of an order does not lead to the one asked for; `to` is that one. */
export class OrderStatusError extends IbexError {
  override readonly name = 'OrderStatusError'
  override readonly code = 'order_status'
  readonly to: string

  constructor(to: string) {
    super(`the order cannot become ${to}: read its status, which another may have changed`)
    this.to = to
  }
}

/**
 * Raised when more points are taken, frozen or released than are there to take; nothing was written.
 *
 * Frozen points count for nothing but releasing them and for a debit from them.
 */
export class InsufficientPointsError extends IbexError {
  override readonly name = 'InsufficientPointsError'
  override readonly code = 'insufficient_points'

  constructor(options?: ErrorOptions) {
    super('the account does not hold so many points that may be moved: read it, and move less', options)
  }
}

/** Raised when an event that moved points comes again with another user, amount or kind; nothing was written. */
export class EventConflictError extends IbexError {
  override readonly name = 'EventConflictError'
  override readonly code = 'event_conflict'

  constructor(options?: ErrorOptions) {
    super(
      'the event has moved points of another user, amount or kind: give each event an id of its own',
      options,
    )
  }
}

/** Raised when a row has another version than the caller has seen: read it again, and decide anew. */
export class StaleVersionError extends IbexError {
  override readonly name = 'StaleVersionError'
  override readonly code = 'stale_version'
  override readonly isRetryable = true

  constructor(options?: ErrorOptions) {
    super('another change came in between: read the version again, and decide anew', options)
  }
}

/** What PostgreSQL says of an error, without its values. */
export interface DatabaseErrorFields {
  readonly sqlState: string
  readonly schema?: string | undefined
  readonly table?: string | undefined
  readonly constraint?: string | undefined
  readonly columns?: readonly string[] | undefined
}

/**
 * The base of the errors that PostgreSQL reported: names of what is concerned, never a value.
 *
 * Branch on `constraint`: of a key under row-level security PostgreSQL does not name the columns, and `columns` is empty.
 */
export abstract class DatabaseError extends IbexError {
  readonly sqlState: string
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly constraint: string | undefined
  readonly columns: readonly string[]

  constructor(message: string, fields: DatabaseErrorFields, options?: ErrorOptions) {
    super(message, options)
    this.sqlState = fields.sqlState
    this.schema = fields.schema
    this.table = fields.table
    this.constraint = fields.constraint
    this.columns = fields.columns ?? []
  }
}

/** A row of the same tenant has the same key (23505). */
export class UniqueViolationError extends DatabaseError {
  override readonly name = 'UniqueViolationError'
  override readonly code = 'unique_violation'
}

/** The row that a column refers to does not exist for this tenant, or is still referred to (23503). */
export class ForeignKeyViolationError extends DatabaseError {
  override readonly name = 'ForeignKeyViolationError'
  override readonly code = 'foreign_key_violation'
}

/** A required column is null (23502). */
export class NotNullViolationError extends DatabaseError {
  override readonly name = 'NotNullViolationError'
  override readonly code = 'not_null_violation'
}

/** A value breaks a CHECK constraint (23514). */
export class CheckViolationError extends DatabaseError {
  override readonly name = 'CheckViolationError'
  override readonly code = 'check_violation'
}

/** The last active owner of an organization (`table` is `users`), or the last owner of a team (`team_memberships`), would be gone (23514). */
export class LastOwnerError extends DatabaseError {
  override readonly name = 'LastOwnerError'
  override readonly code = 'last_owner'
}

/** The content of a memory was erased, and shall not be learnt again (23514). */
export class ErasedContentError extends DatabaseError {
  override readonly name = 'ErasedContentError'
  override readonly code = 'erased_content'
}

/**
 * What is to be deleted or erased must be kept (23001): `holds` legal holds stand for it, for whom it is about, or for the
 * organization. Nothing was changed.
 */
export class LegalHoldError extends DatabaseError {
  override readonly name = 'LegalHoldError'
  override readonly code = 'legal_hold'
  readonly holds: number

  constructor(holds: number, fields: DatabaseErrorFields, options?: ErrorOptions) {
    super(`it must be kept, because legal holds stand (${holds}): release them before`, fields, options)
    this.holds = holds
  }
}

/** A row overlaps another one under an exclusion constraint (23P01). */
export class ExclusionViolationError extends DatabaseError {
  override readonly name = 'ExclusionViolationError'
  override readonly code = 'exclusion_violation'
}

/** A value does not fit its column's type: syntax, range or length (SQLSTATE class 22). */
export class DataExceptionError extends DatabaseError {
  override readonly name = 'DataExceptionError'
  override readonly code = 'data_exception'
}

/** The role may not do this, or a policy refuses the row (42501). */
export class InsufficientPrivilegeError extends DatabaseError {
  override readonly name = 'InsufficientPrivilegeError'
  override readonly code = 'insufficient_privilege'
}

/** A concurrent transaction made this one impossible to serialize (40001). */
export class SerializationFailureError extends DatabaseError {
  override readonly name = 'SerializationFailureError'
  override readonly code = 'serialization_failure'
  override readonly isRetryable = true
}

/** Two transactions waited for each other and this one was chosen to give way (40P01). */
export class DeadlockDetectedError extends DatabaseError {
  override readonly name = 'DeadlockDetectedError'
  override readonly code = 'deadlock_detected'
  override readonly isRetryable = true
}

/** A lock was not free within `lock_timeout`, or at once with NOWAIT (55P03). */
export class LockNotAvailableError extends DatabaseError {
  override readonly name = 'LockNotAvailableError'
  override readonly code = 'lock_not_available'
  override readonly isRetryable = true
}

/** The statement was cancelled: by a timeout, a signal or an administrator (57014). */
export class QueryCanceledError extends DatabaseError {
  override readonly name = 'QueryCanceledError'
  override readonly code = 'query_canceled'
}

/** A read-only transaction tried to write (25006). */
export class ReadOnlyTransactionError extends DatabaseError {
  override readonly name = 'ReadOnlyTransactionError'
  override readonly code = 'read_only_sql_transaction'
}

/** A table, schema, function or the database does not exist, often because the migrations were not run (42P01, 3F000, 42883, 3D000). */
export class UndefinedObjectError extends DatabaseError {
  override readonly name = 'UndefinedObjectError'
  override readonly code = 'undefined_object'
}

/** The server refused user name or password (28P01, 28000). */
export class AuthenticationError extends DatabaseError {
  override readonly name = 'AuthenticationError'
  override readonly code = 'invalid_authorization'
}

/** The disk of the server, or of the embedded database, is full (53100): nothing of the transaction took effect. */
export class DiskFullError extends DatabaseError {
  override readonly name = 'DiskFullError'
  override readonly code = 'disk_full'
}

/** The server has no connection left, is starting or is shutting down (53300, 57P03). */
export class ServerUnavailableError extends DatabaseError {
  override readonly name = 'ServerUnavailableError'
  override readonly code = 'server_unavailable'
  override readonly isRetryable = true
}
