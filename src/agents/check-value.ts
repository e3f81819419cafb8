/** Checks values with schemas of valibot; errors name the path, never the value. */
import * as v from 'valibot'
import { InvalidArgumentError } from '../errors.ts'

/** Takes anything, and lets a `T` through; its messages quote no value. */
export type SchemaOf<T> = v.GenericSchema<unknown, T>

/** A text that PostgreSQL can store, as text and in JSON. */
export const text: v.GenericSchema<string> = v.pipe(
  v.string('must be a text'),
  v.check((value) => value.isWellFormed(), 'is no well-formed text: it holds half a character'),
  v.check((value) => !value.includes('\0'), 'holds a NUL character, which PostgreSQL cannot store'),
)

/** A {@link text} with something in it. */
export const filledText: SchemaOf<string> = v.pipe(
  text,
  v.check((value) => value.trim() !== '', 'must be a text that is not blank'),
)

/**
 * Checks a value and returns a copy of it.
 *
 * @throws {InvalidArgumentError} whose `argument` is the path of what is wrong: the argument, or `argument.key.0`.
 */
export function checkValue<T>(argument: string, schema: SchemaOf<T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const { path, message } = result.issues[0]
  const keys = path?.map(({ key }) => String(key)) ?? []
  throw new InvalidArgumentError([argument, ...keys].join('.'), message)
}
