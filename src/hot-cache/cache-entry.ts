/** The text of a list in the store. */
import { isPlainObject, isUuid } from '../tenancy/arguments.ts'

/** A list of ids, the stamps that it was made under, and how late it was made. */
export interface CacheEntry {
  readonly own: string
  readonly shared: string
  readonly horizon: bigint
  readonly ids: readonly string[]
}

export function serializeEntry({ own, shared, horizon, ids }: CacheEntry): string {
  return JSON.stringify({ own, shared, horizon: String(horizon), ids })
}

/** Reads an entry, or undefined: whoever else writes into a shared store may write anything. */
export function parseEntry(text: string): CacheEntry | undefined {
  const value = parseJson(text)
  if (!isPlainObject(value)) return undefined
  const { own, shared, horizon, ids } = value
  if (typeof own !== 'string' || typeof shared !== 'string') return undefined
  if (typeof horizon !== 'string' || !/^\d{1,20}$/.test(horizon)) return undefined
  if (!Array.isArray(ids) || !ids.every(isUuid)) return undefined
  return { own, shared, horizon: BigInt(horizon), ids }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
