import { expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { InvalidArgumentError, InvalidOptionsError } from '../../src/errors.ts'
import { LruHotCacheStore } from '../../src/hot-cache/lru-hot-cache-store.ts'
import { resolveHotCacheOptions } from '../../src/hot-cache/options.ts'

const url = 'postgresql://ana:a-password@db.example.com:5432/main'

const refused: readonly (readonly [string, unknown, RegExp])[] = [
  ['what is no object', true, /hotCache must be an object/],
  ['null', null, /hotCache must be an object/],
  ['an option that does not exist', { maxAge: 3 }, /"hotCache.maxAge" does not exist: known are store/],
  ['a store that is none', { store: { get: async () => {} } }, /hotCache.store must have the methods/],
  ['null for the store', { store: null }, /hotCache.store must have the methods/],
  ['a ttl of 0', { ttl: 0 }, /hotCache.ttl must be a whole number of 1 to 86,400,000/],
  ['a ttl of text', { ttl: '300' }, /hotCache.ttl/],
  ['an endless timeout', { storeTimeout: Infinity }, /hotCache.storeTimeout/],
  [
    'a url of something else',
    { listenUrl: 'redis://ana:a-password@db' },
    /hotCache.listenUrl must look like/,
  ],
  ['a url that is none', { listenUrl: 'a-password' }, /hotCache.listenUrl/],
  ['a hook that is none', { onError: 'console.log' }, /hotCache.onError must be a function/],
]

test.each(refused)('refuses %s, and never quotes the url', (_, hotCache, message) => {
  // what a service without types passes
  const create = (): unknown => createDatabase({ url, hotCache: hotCache as object })
  expect(create).toThrow(InvalidOptionsError)
  expect(create).toThrow(message)
  expect(create).not.toThrow(/a-password/)
})

test('fills in the defaults', () => {
  expect(resolveHotCacheOptions({})).toEqual({
    store: expect.any(LruHotCacheStore),
    ttl: 300_000,
    storeTimeout: 100,
    listenUrl: undefined,
    onError: undefined,
  })
})

test('the store in this process forgets after the time, and the entry that was not read for longest', async () => {
  const store = new LruHotCacheStore({ maxEntries: 2 })
  await store.set('short', 'a', 20)
  await store.set('long', 'b', 60_000)
  await expect.poll(async () => await store.get('short')).toBeUndefined()
  expect(await store.get('long')).toBe('b')
  for (const key of ['one', 'two']) await store.set(key, key, 60_000)
  expect(await store.get('one')).toBe('one')
  await store.set('three', 'three', 60_000)
  expect(await Promise.all(['one', 'two', 'three'].map(async (key) => await store.get(key)))).toEqual([
    'one',
    undefined,
    'three',
  ])
  await store.delete('one')
  expect(await store.get('one')).toBeUndefined()
})

test.each([{ maxEntries: 0 }, { maxEntries: 1.5 }, { max: 3 }])(
  'the store in this process refuses %j',
  (options) => {
    expect(() => new LruHotCacheStore(options)).toThrow(InvalidArgumentError)
  },
)
