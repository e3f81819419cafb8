import { expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { type DatabaseOptions, resolveOptions } from '../../src/database/options.ts'
import { scriptTarget } from '../../src/database/script-target.ts'
import { InvalidOptionsError } from '../../src/errors.ts'

const url = 'postgresql://ana:a-password@db.example.com:5432/main'

const refused: readonly (readonly [string, unknown, RegExp])[] = [
  ['neither url nor embedded', {}, /url.*embedded/],
  ['an undefined url: a variable that is not set', { url: undefined }, /url.*embedded/],
  ['both url and embedded', { url, embedded: '.ibex' }, /url.*embedded/],
  ['an unknown option', { url, poolsize: 3 }, /option "poolsize" does not exist: known are url/],
  ['an empty url', { url: '' }, /url must look like/],
  ['a url of something else', { url: 'mysql://ana:a-password@db' }, /url must look like/],
  ['a url that is none', { url: 'a-password' }, /url must look like/],
  ['a url that is no text', { url: new URL(url) }, /url must look like/],
  ['an empty directory', { embedded: '' }, /embedded must be/],
  ['an engine that is none', { embedded: {} }, /embedded must be/],
  ['an empty pool', { url, poolSize: 0 }, /poolSize must be a whole number of at least 1/],
  ['a pool of text', { url, poolSize: '5' }, /poolSize/],
  ['a negative timeout', { url, connectTimeout: -1 }, /connectTimeout/],
  ['a fraction of a millisecond', { url, idleTimeout: 0.5 }, /idleTimeout/],
  ['an endless statement timeout', { url, statementTimeout: Infinity }, /statementTimeout/],
  ['an empty role', { url, role: '' }, /role must be the name of a role/],
  ['the role "none", which gives the rights of the login back', { url, role: 'none' }, /not "none"/],
  ['a system role that is too long', { url, systemRole: 'r'.repeat(64) }, /systemRole/],
  ['prepare as text', { url, prepare: 'false' }, /prepare must be a boolean/],
  ['a hook that is none', { url, onQuery: 'console.log' }, /onQuery must be a function/],
]

test.each(refused)('refuses %s, and never quotes the url', (_, options, message) => {
  // what a service without types passes
  const create = (): unknown => createDatabase(options as DatabaseOptions)
  expect(create).toThrow(InvalidOptionsError)
  expect(create).toThrow(message)
  expect(create).not.toThrow(/a-password/)
})

test('fills in the defaults', () => {
  expect(resolveOptions({ url })).toMatchObject({
    target: { url },
    poolSize: 10,
    connectTimeout: 5_000,
    idleTimeout: 10_000,
    statementTimeout: undefined,
    prepare: true,
    role: 'ibex_app',
    systemRole: 'ibex_system',
  })
})

test('gives the embedded engine its one connection, whatever was asked for', () => {
  expect(resolveOptions({ embedded: ':memory:', poolSize: 10 }).poolSize).toBe(1)
})

test('chooses the server of DATABASE_URL for a script, else the embedded directory and says so', () => {
  expect(scriptTarget({ DATABASE_URL: url })).toEqual({ target: { url } })
  for (const environment of [{}, { DATABASE_URL: '' }]) {
    expect(scriptTarget(environment)).toEqual({
      target: { embedded: '.ibex' },
      notice: 'DATABASE_URL is not set: using the embedded database in .ibex',
    })
  }
})
