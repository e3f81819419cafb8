import { afterEach, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { InvalidTenantIdError, MissingTenantError } from '../../src/errors.ts'
import { parseTenantId } from '../../src/tenancy/tenant-id.ts'

const id = '8f14e45f-ceea-467f-a8cf-0d6f3c2b1a90'

/** A database that nobody answers for: whatever needs a connection fails with another error. */
function openNowhere(): { readonly database: Database; readonly statements: readonly string[] } {
  const statements: string[] = []
  const database = createDatabase({
    url: 'postgresql://nobody@127.0.0.1:1/nothing',
    onQuery: ({ sql }) => void statements.push(sql),
  })
  opened.push(database)
  return { database, statements }
}

const opened: Database[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (database) => await database.close()))
})

test.each([
  ['undefined', undefined],
  ['null', null],
  ['empty', ''],
])('throws MissingTenantError before any SQL when the id is %s', (_, value) => {
  const { database, statements } = openNowhere()
  // what a service without types passes
  const call = (): unknown => database.forTenant(value as unknown as string)
  expect(call).toThrow(MissingTenantError)
  expect(statements).toEqual([])
})

test.each([
  ['no uuid', 'acme'],
  ['a uuid in quotes', `'${id}'`],
  ['a uuid in braces', `{${id}}`],
  ['a uuid without hyphens', id.replaceAll('-', '')],
  ['a uuid with a space', `${id} `],
  ['a uuid with a line break', `${id}\n`],
  ['36 characters that are no uuid', 'g'.repeat(36)],
  ['a uuid with SQL behind it', `${id}' or true --`],
  ['digits of another script', id.replaceAll('8', '８')],
  ['1 MB long', 'a'.repeat(1_048_576)],
  ['a number', 42],
  ['an object', { toString: () => id }],
  ['an array', [id]],
])('throws InvalidTenantIdError before any SQL when the id is %s', (_, value) => {
  const { database, statements } = openNowhere()
  // what a service without types passes
  const call = (): unknown => database.forTenant(value as string)
  expect(call).toThrow(InvalidTenantIdError)
  expect(call).toThrow(/^tenant id is not a uuid: pass the id of an existing organization/)
  expect(statements).toEqual([])
})

test('takes a uuid in upper case as the same tenant', () => {
  const { database } = openNowhere()
  expect(database.forTenant(id.toUpperCase()).orgId).toBe(id)
  expect(parseTenantId(id)).toBe(id)
})

test('does not connect when a scope is made', async () => {
  const { database } = openNowhere()
  const tenant = database.forTenant(id)
  await expect(tenant.agents.find()).rejects.toHaveProperty('code', 'connection_failed')
})
