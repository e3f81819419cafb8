/** The mapping from PostgreSQL's SQLSTATE, and from what connecting meets, to the errors of the library. */
import {
  AuthenticationError,
  CheckViolationError,
  ConnectionFailedError,
  ConnectionLostError,
  DataExceptionError,
  DeadlockDetectedError,
  ErasedContentError,
  DiskFullError,
  ExclusionViolationError,
  ForeignKeyViolationError,
  IbexError,
  InsufficientPrivilegeError,
  LastOwnerError,
  LegalHoldError,
  LockNotAvailableError,
  NotNullViolationError,
  PreparedStatementError,
  QueryCanceledError,
  ReadOnlyTransactionError,
  SerializationFailureError,
  ServerUnavailableError,
  UndefinedObjectError,
  UniqueViolationError,
  UnknownOrganizationError,
} from '../errors.ts'
import type { DatabaseError, DatabaseErrorFields } from '../errors.ts'

type DatabaseErrorClass = new (
  message: string,
  fields: DatabaseErrorFields,
  options?: ErrorOptions,
) => DatabaseError

interface PostgresError extends Error {
  readonly code: string
  readonly severity: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly constraint?: string
  readonly dataType?: string
  readonly detail?: string
  readonly routine?: string
}

/** What each SQLSTATE becomes, and the text that says the way out. Names are quoted by {@link describe}, values never. */
const conditions: Readonly<Record<string, readonly [DatabaseErrorClass, string]>> = {
  '23505': [UniqueViolationError, 'another row of this tenant has the same key'],
  '23502': [NotNullViolationError, 'a required column is null: give it a value'],
  '23514': [
    CheckViolationError,
    'a value is not allowed by a check constraint: see the column comment or types/database.d.ts',
  ],
  '23P01': [ExclusionViolationError, 'the row overlaps another row of this tenant'],
  '42501': [InsufficientPrivilegeError, 'the role may not do this, or the row is not of this tenant'],
  '40001': [
    SerializationFailureError,
    'a concurrent transaction got in the way: run the transaction again, or pass retry',
  ],
  '40P01': [
    DeadlockDetectedError,
    'two transactions waited for each other: run the transaction again, or pass retry',
  ],
  '55P03': [LockNotAvailableError, 'a lock was not free in time: run the transaction again, or pass retry'],
  '57014': [QueryCanceledError, 'the statement was cancelled by a timeout, a signal or an administrator'],
  '25006': [ReadOnlyTransactionError, 'the transaction is read-only: leave readOnly out to write'],
  '42P01': [UndefinedObjectError, 'a table does not exist: run the migrations, or check its name and schema'],
  '42883': [
    UndefinedObjectError,
    'a function does not exist: run the migrations, or check its name and arguments',
  ],
  '3F000': [UndefinedObjectError, 'a schema does not exist: run the migrations, or check its name'],
  '28P01': [AuthenticationError, 'the server refused the password: check the user and password of the url'],
  '28000': [AuthenticationError, 'the server refused the user: check the user of the url and pg_hba.conf'],
  '3D000': [UndefinedObjectError, 'the database does not exist: create it, or check the path of the url'],
  '53100': [DiskFullError, 'the disk is full: make room, and run the transaction again'],
  '53300': [
    ServerUnavailableError,
    'the server has no connection left: lower poolSize or raise max_connections',
  ],
  '57P03': [ServerUnavailableError, 'the server is starting or shutting down: try again'],
}

/** Raised by triggers, which name a constraint as a real one would be named. */
const lastOwner: readonly [DatabaseErrorClass, string] = [
  LastOwnerError,
  'the last owner must stay: make somebody else an owner first',
]

const erasedContent: readonly [DatabaseErrorClass, string] = [
  ErasedContentError,
  'the content was erased and shall not be learnt again: leave it out, or let the system role delete its tombstone',
]

const recoveryConflict: readonly [DatabaseErrorClass, string] = [
  SerializationFailureError,
  'the replica cancelled a read of rows that the primary no longer keeps: run the transaction again, or pass retry or on: primary',
]

const schemaRefusal: readonly [DatabaseErrorClass, string] = [
  InsufficientPrivilegeError,
  'the role may not use the schema: run the migrations, which grant it',
]

/** Codes of node:tls for a certificate that cannot be trusted. */
const untrusted = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT)/
/** A failing network, and what the server says before it ends a session: 25P03, 25P04 and 57P05 are its time limits. */
const brokenConnection = /^(08(?!P01)|57P0[1245]|25P0[34])/
const unreachable = /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EAI_AGAIN|ENOENT)$/
const lostMessage = /^Connection terminated|not queryable$|^Client was closed/

/**
 * Turns an error of `pg` into the class of its condition; an error that is not one of PostgreSQL's passes untouched.
 *
 * Values are left behind: PostgreSQL's `detail` and `where` quote keys and rows, messages of class 22 quote input.
 */
export function mapDatabaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof IbexError) return error
  if (isPostgresError(error)) return mapPostgresError(error)
  if (
    lostMessage.test(error.message) ||
    ('code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE'))
  ) {
    return new ConnectionLostError(
      'the connection to the server broke: whether the statement took effect is unknown',
      {
        cause: error,
      },
    )
  }
  return error
}

/** Turns an error met while opening a connection into {@link ConnectionFailedError} or the server's own refusal. */
export function mapConnectError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof IbexError) return error
  if (isPostgresError(error)) return isBroken(error) ? closedAtOnce(error) : mapPostgresError(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const tls = tlsAdvice(code, error.message)
  if (tls !== undefined) return new ConnectionFailedError(tls, { cause: error })
  if (code === '' && !/timeout|terminated|not queryable/i.test(error.message)) return error
  const reason = unreachable.test(code) ? ` (${code})` : ''
  return new ConnectionFailedError(
    `the server does not answer${reason}: check host and port of the url, and that it runs`,
    {
      cause: error,
    },
  )
}

/** A pooler that waits in vain for its server says so with the code of a protocol violation, and closes the connection. */
function isBroken({ code, severity }: PostgresError): boolean {
  return brokenConnection.test(code) || (code === '08P01' && severity === 'FATAL')
}

/** Nothing was sent yet that could have taken effect. */
function closedAtOnce(error: PostgresError): ConnectionFailedError {
  return new ConnectionFailedError('the server closed the connection as it was opened: try again', {
    cause: withoutValues(error),
  })
}

function tlsAdvice(code: string, message: string): string | undefined {
  if (untrusted.test(code)) {
    return `the server's certificate is not trusted (${code}): pass its authority as ssl: { ca }, or another sslmode in the url`
  }
  if (!message.includes('does not support SSL')) return undefined
  return 'the server does not speak TLS: take sslmode out of the url, or turn ssl on at the server'
}

/** The server says in the message only what is refused; in most of its languages the word is the same. */
function isSchemaRefusal({ code, message }: PostgresError): boolean {
  return code === '42501' && /\bschema\b/i.test(message)
}

/** `ProcessInterrupts`, since PostgreSQL 16 `ProcessRecoveryConflictInterrupt`: a message would be in the server's language. */
const interrupting = /^ProcessInterrupts$|recovery_?conflict/i

/** Transactions that cannot be serialized fail where they read and write; a replica interrupts its sessions from outside. */
function isRecoveryConflict({ code, routine = '' }: PostgresError): boolean {
  return code === '40001' && interrupting.test(routine)
}

function isPostgresError(error: Error): error is PostgresError {
  return 'severity' in error && 'code' in error && typeof error.code === 'string' && error.code.length === 5
}

function mapPostgresError(error: PostgresError): Error {
  const columns = error.column === undefined ? keyColumns(error.detail) : [error.column]
  const fields = {
    sqlState: error.code,
    schema: error.schema,
    table: error.table,
    constraint: error.constraint,
    columns,
  }
  if (error.code === '26000') return new PreparedStatementError({ cause: withoutValues(error) })
  if (error.code === '23503') return foreignKeyError(error, fields)
  if (isLegalHold(error)) return new LegalHoldError(holdsOf(error), fields, { cause: withoutValues(error) })
  // the message of class 22 quotes the input, so the original is not kept as the cause
  if (error.code.startsWith('22')) {
    return new DataExceptionError(
      `${describe(error)}a value does not fit its column: type, range or length (${error.code})`,
      fields,
    )
  }
  if (isBroken(error)) {
    return new ConnectionLostError(
      'the server closed the connection: whether the statement took effect is unknown',
      {
        cause: withoutValues(error),
      },
    )
  }
  const condition = conditionOf(error)
  if (condition === undefined) return withoutValues(error)
  const [ErrorClass, text] = condition
  return new ErrorClass(`${describe(error)}${text}`, fields, { cause: withoutValues(error) })
}

function conditionOf(error: PostgresError): readonly [DatabaseErrorClass, string] | undefined {
  if (isSchemaRefusal(error)) return schemaRefusal
  if (isRecoveryConflict(error)) return recoveryConflict
  if (isRaisedCheck(error, '_last_owner_check')) return lastOwner
  return isRaisedCheck(error, '_erased_check') ? erasedContent : conditions[error.code]
}

/** A check that a trigger of ours makes; it names a constraint that only looks like a real one. */
function isRaisedCheck({ code, schema, constraint = '' }: PostgresError, suffix: string): boolean {
  return code === '23514' && schema === 'ibex_core' && constraint.endsWith(suffix)
}

/** Raised by triggers and by erasure, which say first how many. */
function isLegalHold({ code, schema, constraint = '' }: PostgresError): boolean {
  return code === '23001' && schema === 'ibex_core' && constraint.endsWith('_legal_hold_check')
}

function holdsOf({ message }: PostgresError): number {
  return Number.parseInt(message, 10) || 1
}

function foreignKeyError(error: PostgresError, fields: DatabaseErrorFields): Error {
  const cause = withoutValues(error)
  if (isTenantKey(error)) return new UnknownOrganizationError({ cause })
  const isParent = error.message.startsWith('update or delete')
  const text = isParent
    ? 'other rows still refer to this row: delete them first'
    : 'the row it refers to does not exist for this tenant'
  return new ForeignKeyViolationError(`${describe(error)}${text}`, fields, { cause })
}

/** True for `<table>_org_id_fkey`; a partition, `<table>_p07`, carries the name of its parent's. */
function isTenantKey({ constraint = '', table = '' }: PostgresError): boolean {
  const owner = constraint.replace(/_org_id_fkey$/, '')
  return owner !== constraint && (table === owner || table.startsWith(`${owner}_p`))
}

function describe(error: PostgresError): string {
  if (error.constraint !== undefined) return `constraint "${error.constraint}" of "${error.table ?? ''}": `
  if (error.table !== undefined) return `table "${error.table}": `
  return ''
}

/** Reads the column names, and only them, out of `Key (org_id, slug)=(…) already exists.` */
function keyColumns(detail: string | undefined): readonly string[] {
  const names = /^Key \((.*?)\)=/.exec(detail ?? '')?.[1]
  return names === undefined ? [] : names.split(', ').map((name) => name.replace(/^"|"$/g, ''))
}

function withoutValues(error: Error): Error {
  for (const key of ['detail', 'where', 'internalQuery']) Reflect.deleteProperty(error, key)
  return error
}
