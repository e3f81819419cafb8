/** The values that the columns of memories take, for checks before any SQL. */
import type {
  MemoryCategory,
  MemoryLanguage,
  MemorySource,
  MemoryStatus,
  MemoryTier,
} from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'

/** All values of a column: one that is missing, or does not exist, is an error of types. */
type Values<V extends string> = Readonly<Record<V, true>>

export const categories: Values<MemoryCategory> = {
  factual: true,
  preference: true,
  behavioral: true,
  episodic: true,
  procedural: true,
  identity: true,
}

export const sources: Values<MemorySource> = {
  extracted: true,
  user_provided: true,
  imported: true,
  inferred: true,
  feedback: true,
  consolidated: true,
  system: true,
}

export const statuses: Values<MemoryStatus> = {
  active: true,
  superseded: true,
  merged: true,
  archived: true,
  pending_review: true,
  disputed: true,
}

export const tiers: Values<MemoryTier> = { hot: true, warm: true, cold: true }

export const languages: Values<MemoryLanguage> = {
  english: true,
  simple: true,
  arabic: true,
  armenian: true,
  basque: true,
  catalan: true,
  danish: true,
  dutch: true,
  finnish: true,
  french: true,
  german: true,
  greek: true,
  hindi: true,
  hungarian: true,
  indonesian: true,
  irish: true,
  italian: true,
  lithuanian: true,
  nepali: true,
  norwegian: true,
  portuguese: true,
  romanian: true,
  russian: true,
  serbian: true,
  spanish: true,
  swedish: true,
  tamil: true,
  turkish: true,
  yiddish: true,
}

/** @throws {InvalidArgumentError} when it is none of the values. */
export function checkValue<V extends string>(name: string, value: unknown, values: Values<V>): V {
  // the keys of the record are the values
  if (typeof value === 'string' && Object.hasOwn(values, value)) return value as V
  throw new InvalidArgumentError(name, `must be one of ${Object.keys(values).join(', ')}`)
}

/** One value or a list of them, as a list; null when none is given. */
export function checkValues<V extends string>(
  name: string,
  given: V | readonly V[] | undefined,
  values: Values<V>,
): readonly V[] | null {
  if (given === undefined) return null
  // one that is no list is checked as the only value
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  return [...new Set(list.map((value) => checkValue(name, value, values)))]
}
