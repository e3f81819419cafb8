import { createHash, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { seedDemoOrganization } from '../../scripts/seed/demo-organization.ts'
import { IbexError, InvalidArgumentError, InvalidExportError } from '../../src/errors.ts'
import { type ImportOptions, importTenant } from '../../src/transfer/import-tenant.ts'
import type { ByteSource } from '../../src/transfer/read-lines.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'
import { everything, exportText, importText, watchOthers } from './transfers.ts'

let tenants: TwoTenants
let orgId: string
let text: string
let othersUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  orgId = (await seedDemoOrganization(tenants.database)).orgId
  text = await exportText(tenants.database.forTenant(orgId), everything)
  await remove()
  const other = await seedDemoOrganization(tenants.database)
  await tenants.admin
    .updateTable('ibex_core.organizations')
    .set({ slug: 'another-shop' })
    .where('id', '=', other.orgId)
    .execute()
  othersUnchanged = await watchOthers(tenants.admin, orgId)
}, 60_000)

afterEach(async () => {
  await othersUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

async function remove(): Promise<void> {
  await tenants.admin.deleteFrom('ibex_core.organizations').where('id', '=', orgId).execute()
}

async function organizationIds(): Promise<string[]> {
  const rows = await tenants.admin.selectFrom('ibex_core.organizations').select('id').orderBy('id').execute()
  return rows.map(({ id }) => id)
}

/** Imports what must be refused, sees that nothing was written, and returns the error. */
async function refused(bad: string, options: ImportOptions = {}): Promise<Error> {
  const before = await organizationIds()
  const error = await failure(async () => await importText(tenants.database, bad, options))
  expect(await organizationIds()).toEqual(before)
  return error
}

type Line = Record<string, unknown>

/** The export with other lines, and a last line that fits them: what somebody would write on purpose. */
function forged(change: (lines: Line[]) => void): string {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const footer = lines.pop() ?? {}
  change(lines)
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  const rows: Record<string, number> = {}
  for (const { table, row } of lines)
    if (row !== undefined) rows[String(table)] = (rows[String(table)] ?? 0) + 1
  return `${body}${JSON.stringify({ ...footer, rows, sha256: createHash('sha256').update(body).digest('hex') })}\n`
}

/** The row of the first line of a table. */
function rowOf(lines: readonly Line[], table: string): Record<string, unknown> {
  const line = lines.find((candidate) => candidate['table'] === `ibex_core.${table}`)
  // a line of the export has a row
  return line?.['row'] as Record<string, unknown>
}

test('imports the export as it is', async () => {
  expect(forged(() => {})).toBe(text)
  expect((await importText(tenants.database, text)).outcome).toBe('imported')
  await remove()
})

test('refuses an export that is cut off, wherever', async () => {
  const lines = text.split('\n').length
  for (const share of [0, 0.01, 0.3, 0.5, 0.9, 0.9999]) {
    const error = await refused(text.slice(0, Math.floor(text.length * share)))
    expect(error).toBeInstanceOf(InvalidExportError)
  }
  for (const count of [1, 2, lines - 2]) {
    const whole = `${text.split('\n').slice(0, count).join('\n')}\n`
    expect(await refused(whole)).toBeInstanceOf(InvalidExportError)
  }
})

test('refuses an export in which one letter was changed, or a line is missing or comes twice', async () => {
  const lines = text.split('\n')
  const middle = Math.floor(lines.length / 2)
  const changes = [
    text.replace('"name":"', '"name":"x'),
    lines.toSpliced(middle, 1).join('\n'),
    `${text}{}\n`,
    text.replaceAll('\n', '\r\n'),
    `\uFEFF${text}`,
  ]
  for (const changed of changes) expect(await refused(changed)).toBeInstanceOf(InvalidExportError)
  expect(await refused(lines.toSpliced(middle, 0, lines[middle] ?? '').join('\n'))).toBeInstanceOf(IbexError)
})

describe('refuses, on the line where it stands,', () => {
  test.each<[string, number, (lines: Line[]) => void]>([
    ['another kind of file', 1, (lines) => (lines[0] = { hello: 'world' })],
    ['another version of the format', 1, ([header]) => Object.assign(header ?? {}, { version: 2 })],
    ['another schema', 1, ([header]) => Object.assign(header ?? {}, { schema: '0'.repeat(64) })],
    ['an organization that is no uuid', 1, ([header]) => Object.assign(header ?? {}, { organization: 'x' })],
    [
      'a header that does not say what it holds',
      1,
      ([header]) => Object.assign(header ?? {}, { secrets: 1 }),
    ],
    [
      'another organization than the header',
      2,
      ([, root]) => Object.assign(root?.['row'] ?? {}, { id: randomUUID() }),
    ],
    ['a second organization', 3, (lines) => lines.splice(2, 0, otherOrganization(lines))],
    [
      'a table that does not exist',
      3,
      ([, , line]) => Object.assign(line ?? {}, { table: 'ibex_core.nothing' }),
    ],
    [
      'a table that all tenants share',
      3,
      ([, , line]) => Object.assign(line ?? {}, { table: 'ibex_core.llm_models' }),
    ],
    ['a table of PostgreSQL', 3, ([, , line]) => Object.assign(line ?? {}, { table: 'pg_authid' })],
    ['a name that every object has', 3, ([, , line]) => Object.assign(line ?? {}, { table: 'constructor' })],
    [
      'a row that names its tenant',
      3,
      ([, , line]) => Object.assign(line?.['row'] ?? {}, { org_id: tenants.theirs.orgId }),
    ],
    ['a column that does not exist', 3, ([, , line]) => Object.assign(line?.['row'] ?? {}, { nothing: 1 })],
    [
      'a row without one of its columns',
      3,
      ([, , line]) => Reflect.deleteProperty(line?.['row'] ?? {}, 'id'),
    ],
    ['a row in which a column stands for another', 3, renamedColumn],
    ['a value that is an object', 3, ([, , line]) => Object.assign(line?.['row'] ?? {}, { id: {} })],
    ['a row that is a list', 3, ([, , line]) => Object.assign(line ?? {}, { row: [] })],
    ['a line that is both', 3, ([, , line]) => Object.assign(line ?? {}, { later: {} })],
    ['a line with more on it', 3, ([, , line]) => Object.assign(line ?? {}, { more: true })],
    [
      'an update of a table that has none',
      3,
      (lines) => (lines[2] = { table: lines[2]?.['table'], later: { id: 'x' } }),
    ],
  ])('%s', async (_, number, change) => {
    const error = await refused(forged(change))
    expect(error).toBeInstanceOf(InvalidExportError)
    expect(error).toMatchObject({ line: number })
  })
})

function otherOrganization(lines: readonly Line[]): Line {
  return {
    table: 'ibex_core.organizations',
    row: { ...rowOf(lines, 'organizations'), id: randomUUID(), slug: 'x' },
  }
}

function renamedColumn([, , line]: Line[]): void {
  // a line of the export has a row
  const row = line?.['row'] as Record<string, unknown>
  Reflect.deleteProperty(row, 'created_at')
  row['constructor'] = null
}

test('refuses a last line that has counted other rows, and an export without any row', async () => {
  const miscounted = text.replace(/"ibex_core\.users":\d+/, '"ibex_core.users":99')
  expect(await refused(miscounted)).toMatchObject({ name: 'InvalidExportError' })
  expect(await refused(forged((lines) => lines.splice(1)))).toBeInstanceOf(InvalidExportError)
})

test('cannot refer to a row of another tenant', async () => {
  const user = await tenants.admin
    .selectFrom('ibex_core.users')
    .select('id')
    .where('org_id', '<>', orgId)
    .executeTakeFirstOrThrow()
  const error = await refused(
    forged((lines) => Object.assign(rowOf(lines, 'agents'), { created_by: user.id })),
  )
  const unknown = await refused(
    forged((lines) => Object.assign(rowOf(lines, 'agents'), { created_by: randomUUID() })),
  )
  expect(error).toMatchObject({
    name: 'ForeignKeyViolationError',
    constraint: 'agents_org_id_created_by_fkey',
  })
  expect(unknown.message).toBe(error.message)
})

test('says what the database refuses of a forged row, without its value', async () => {
  const bad: readonly [string, Record<string, unknown>, string][] = [
    ['users', { email: 'canary' }, 'CheckViolationError'],
    ['agents', { created_at: 'canary' }, 'DataExceptionError'],
    ['memories', { embedding: '[1,2,3]' }, 'DataExceptionError'],
    ['memories', { content: 'canary\u0000' }, 'DataExceptionError'],
    ['messages', { seq: 2 ** 40 }, 'DataExceptionError'],
    ['orders', { subtotal: '0.01' }, 'CheckViolationError'],
    ['users', { id: null }, 'NotNullViolationError'],
  ]
  for (const [table, values, name] of bad) {
    const error = await refused(forged((lines) => Object.assign(rowOf(lines, table), values)))
    expect([table, error.name]).toEqual([table, name])
    expect(error.message).not.toContain('canary')
  }
})

/** Imports from a source of bytes what must be refused, and returns the error. */
async function refusedSource(source: ByteSource): Promise<Error> {
  return await failure(
    async () =>
      await tenants.database.asSystem(
        'test of bad bytes',
        async (system) => await importTenant(system, source),
      ),
  )
}

test('refuses bytes that are no text, and a source that fails', async () => {
  const bytes = Buffer.from(text)
  bytes[bytes.indexOf('"name"') + 1] = 0xff
  expect(await refusedSource([bytes])).toBeInstanceOf(InvalidExportError)
  let isClosed = false
  async function* broken(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from(text.slice(0, text.length / 2))
      throw new Error('the network is gone')
    } finally {
      isClosed = true
    }
  }
  expect(await refusedSource(broken())).toMatchObject({ message: 'the network is gone' })
  expect(isClosed).toBe(true)
  expect(await organizationIds()).not.toContain(orgId)
})

test.each<[string, ImportOptions, string]>([
  // what untyped code may pass
  ['an option that does not exist', { ifexists: 'skip' } as ImportOptions, 'option "ifexists"'],
  ['a word that ifExists does not know', { ifExists: 'merge' as 'skip' }, 'ifExists'],
  ['an embedder that is none', { embedder: {} as never }, 'embedder'],
])('refuses before any SQL %s', async (_, options, argument) => {
  const before = tenants.statements.length
  const error = await failure(async () => await importText(tenants.database, text, options))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
  expect(tenants.statements).toHaveLength(before)
})
