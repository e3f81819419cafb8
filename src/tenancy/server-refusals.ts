/** What the server's refusals mean for a batch: a stale statement, a missing role, a setting that it does not take. */
import { InsufficientPrivilegeError, InvalidArgumentError, MissingMigrationsError } from '../errors.ts'

/** The SQLSTATE of a named statement that the server does not know. */
export const unknownStatement = '26000'

/** True when a named statement is gone (DISCARD, a pooler) or its plan no longer fits the table (a migration). */
export function isStalePlan(error: unknown): error is Error & { readonly code: unknown } {
  if (!(error instanceof Error) || !('code' in error) || !('routine' in error)) return false
  if (error.code === unknownStatement)
    return error.routine === 'FetchPreparedStatement' || error.routine === 'exec_bind_message'
  return error.code === '0A000' && error.routine === 'RevalidateCachedQuery'
}

/** Says what to do about a role or a setting that the server refuses. */
export function explainPrefix(error: unknown, role: string | undefined): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  // the server quotes the name of what it refuses: the role's, or a setting's
  if (role === undefined || !error.message.includes(`"${role}"`)) {
    if (error.code !== '22023' && error.code !== '42704') return error
    return new InvalidArgumentError(
      'settings',
      `hold a name or a value that the server does not take (${error.code})`,
    )
  }
  if (error.code === '22023') {
    return new MissingMigrationsError(`role "${role}" does not exist: run the migrations first`, {
      cause: error,
    })
  }
  if (error.code !== '42501') return error
  return new InsufficientPrivilegeError(
    `the login may not take the role "${role}": an administrator must run: grant ${role} to <login>`,
    { sqlState: '42501' },
    { cause: error },
  )
}
