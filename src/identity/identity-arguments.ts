/** Checks of people and organizations, made before any SQL. */
import { InvalidArgumentError } from '../errors.ts'
import { checkFilledText } from '../tenancy/arguments.ts'

/** Who a person is, and how the person signs in. */
export interface SignIn {
  readonly name?: string | null | undefined
  /** A hash of the password, made by the service; never the password. */
  readonly passwordHash?: string | null | undefined
  /** Goes with `ssoSubject`: both or none. */
  readonly ssoProvider?: string | null | undefined
  /** The id of the person at `ssoProvider`. */
  readonly ssoSubject?: string | null | undefined
}

/** The columns of {@link SignIn}; what is undefined is left as it is. */
export interface SignInColumns {
  readonly name: string | null | undefined
  readonly password_hash: string | null | undefined
  readonly sso_provider: string | null | undefined
  readonly sso_subject: string | null | undefined
}

/** @throws {InvalidArgumentError} when the slug is not made of lower-case letters, digits and hyphens. */
export function checkSlug(argument: string, slug: unknown): string {
  if (typeof slug === 'string' && /^[a-z0-9-]+$/.test(slug)) return slug
  throw new InvalidArgumentError(argument, 'must be made of lower-case letters, digits and hyphens')
}

/** @throws {InvalidArgumentError} when the text has not the form of an email address. */
export function checkEmail(argument: string, email: unknown): string {
  const text = checkFilledText(argument, email)
  if (/^[^@\s]+@[^@\s]+$/.test(text)) return text
  throw new InvalidArgumentError(argument, 'must be an email address')
}

/** @throws {InvalidArgumentError} when only one of `ssoProvider` and `ssoSubject` is given: neither names a person alone. */
export function signInColumns({ name, passwordHash, ssoProvider, ssoSubject }: SignIn): SignInColumns {
  if (((ssoProvider ?? null) === null) !== ((ssoSubject ?? null) === null))
    throw new InvalidArgumentError('ssoSubject', 'goes with ssoProvider: pass both or none')
  return { name, password_hash: passwordHash, sso_provider: ssoProvider, sso_subject: ssoSubject }
}
