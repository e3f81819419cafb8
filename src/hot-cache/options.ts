/** The options of the hot cache, checked before anything is opened. */
import { InvalidOptionsError } from '../errors.ts'
import type { HotCacheError } from '../errors.ts'
import type { HotCacheStore } from './hot-cache-store.ts'
import { LruHotCacheStore } from './lru-hot-cache-store.ts'

/** The options of the hot cache; all may be left to their defaults. */
export interface HotCacheOptions {
  /** Where the entries are (default: in this process, {@link LruHotCacheStore}). */
  readonly store?: HotCacheStore | undefined
  /** Milliseconds after which a list is made anew (default 300,000). */
  readonly ttl?: number | undefined
  /** Milliseconds that the store may take before the database answers instead (default 100). */
  readonly storeTimeout?: number | undefined
  /** The URL for the connection that hears of changes (default: `url`); a direct one where `url` leads to a pooler. */
  readonly listenUrl?: string | undefined
  /** Told when the cache does not work, for logs and metrics; the database answers then. It must not throw. */
  readonly onError?: ((error: HotCacheError) => void) | undefined
}

/** {@link HotCacheOptions} with every default filled in. */
export interface ResolvedHotCacheOptions {
  readonly store: HotCacheStore
  readonly ttl: number
  readonly storeTimeout: number
  readonly listenUrl: string | undefined
  readonly onError: ((error: HotCacheError) => void) | undefined
}

const known: ReadonlySet<string> = new Set<keyof HotCacheOptions>([
  'store',
  'ttl',
  'storeTimeout',
  'listenUrl',
  'onError',
])

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {InvalidOptionsError} when one is unknown or not what it should be.
 */
export function resolveHotCacheOptions(options: HotCacheOptions): ResolvedHotCacheOptions {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionsError('hotCache must be an object of options: {} for the defaults')
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw new InvalidOptionsError(
        `option "hotCache.${key}" does not exist: known are ${[...known].join(', ')}`,
      )
  }
  const { store = new LruHotCacheStore(), ttl, storeTimeout, listenUrl, onError } = options
  if (!['get', 'set', 'delete'].every((method) => hasMethod(store, method)))
    throw new InvalidOptionsError('hotCache.store must have the methods get, set and delete')
  if (onError !== undefined && typeof onError !== 'function')
    throw new InvalidOptionsError('hotCache.onError must be a function')
  return {
    store,
    ttl: milliseconds('ttl', ttl, 300_000, 86_400_000),
    storeTimeout: milliseconds('storeTimeout', storeTimeout, 100, 60_000),
    listenUrl: listenUrl === undefined ? undefined : serverUrl(listenUrl),
    onError,
  }
}

function hasMethod(store: unknown, name: string): boolean {
  return typeof store === 'object' && store !== null && typeof Reflect.get(store, name) === 'function'
}

function milliseconds(name: string, value: unknown, fallback: number, most: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw new InvalidOptionsError(
    `hotCache.${name} must be a whole number of 1 to ${most.toLocaleString('en-US')} milliseconds`,
  )
}

function serverUrl(url: unknown): string {
  if (typeof url === 'string' && URL.canParse(url) && /^postgres(?:ql)?:$/.test(new URL(url).protocol))
    return url
  // the url holds a password: it is never quoted
  throw new InvalidOptionsError(
    'hotCache.listenUrl must look like postgresql://user:password@host:5432/database',
  )
}
