import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { diagnose } from '../../src/doctor/diagnose.ts'
import { resolveDoctorOptions } from '../../src/doctor/options.ts'
import { checkServerVersion, readCatalog } from '../../src/doctor/read-catalog.ts'
import { rules } from '../../src/doctor/rules.ts'
import {
  ConnectionFailedError,
  InvalidArgumentError,
  InvalidBaselineError,
  UnreadableCatalogError,
} from '../../src/errors.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { openClinic } from './clinic.ts'
import { fixtureRoles, healthySchema } from './healthy-schema.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
})

afterAll(async () => {
  await database.close()
})

test('says of an empty database that there was nothing to examine', async () => {
  const { findings, accepted, examined } = await diagnose(database.admin, { roles: ['nobody'] })
  const codes = findings.map(({ code }) => code).filter((code) => code !== 'server-version')
  expect(codes).toEqual(['no-tenant-table', 'role-missing', 'privilege-temporary'])
  expect(accepted).toEqual([])
  expect(examined).toEqual({ tenantTables: 0, partitions: 0, others: 0, rules: rules.length })
})

test('leaves no transaction, no setting and no connection behind', async () => {
  const before = await sql`select current_setting('search_path') as path`.execute(database.admin)
  await diagnose(database.admin)
  await diagnose(database.admin)
  const after = await sql`select current_setting('search_path') as path`.execute(database.admin)
  expect(after.rows).toEqual(before.rows)
  const { rows } = await sql`select from pg_stat_activity where state like 'idle in transaction%'
    and datname = current_database()`.execute(database.admin)
  expect(rows).toEqual([])
})

test('opens and closes a connection of its own for a target', async () => {
  const { findings } = await diagnose(database.target, { roles: ['nobody'] })
  expect(findings.map(({ code }) => code)).toContain('no-tenant-table')
  const connections = async (): Promise<number> => {
    const { rows } = await sql`select from pg_stat_activity where application_name = 'ibex-db doctor'
      and datname = current_database()`.execute(database.admin)
    return rows.length
  }
  // the server takes a moment to see that a connection was closed
  await expect.poll(connections).toBe(0)
})

test.each([
  ['schemas', { schemas: [] }],
  ['schemas', { schemas: ['no such schema'] }],
  ['schemas', { schemas: ['x'.repeat(64)] }],
  ['schemas', { schemas: 'public' }],
  ['roles', { roles: [''] }],
  ['roles', { roles: ['a\0b'] }],
  ['tenantColumn', { tenantColumn: 'ü'.repeat(32) }],
  ['setting', { setting: 'current_org_id' }],
  ['setting', { setting: "app.x'" }],
  ['schema', { schema: 'public' }],
])('throws InvalidArgumentError that names %s for %j', async (argument, options) => {
  // what TypeScript refuses, JavaScript passes
  const error = await diagnose(database.admin, options as object).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect((error as InvalidArgumentError).argument).toBe(argument)
})

test('throws InvalidArgumentError inside a transaction, whose snapshot may be any', async () => {
  await database.admin.transaction().execute(async (trx) => {
    await expect(diagnose(trx)).rejects.toThrow(InvalidArgumentError)
  })
})

test('throws InvalidBaselineError when the baseline is none', async () => {
  const baseline = { accepted: [{ code: 'rls-disabled' }] }
  // as it comes out of a file that nobody checked
  await expect(diagnose(database.admin, { baseline } as object)).rejects.toThrow(InvalidBaselineError)
})

test('throws ConnectionFailedError when nobody answers', async () => {
  const url = 'postgresql://nobody:secret@127.0.0.1:1/nowhere'
  const error = await diagnose({ url }).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(ConnectionFailedError)
  expect((error as Error).message).not.toContain('secret')
})

test('refuses servers whose catalog it does not know', () => {
  expect(() => {
    checkServerVersion(140_020)
  }).toThrow(UnreadableCatalogError)
  checkServerVersion(150_000)
})

test.each([
  ['pg_proc', 'indexes'],
  ['pg_policy', 'policies'],
  ['pg_auth_members', 'roles'],
  ['pg_publication_rel', 'publications'],
  ['pg_trigger', 'functions'],
  ['pg_database', 'databases'],
])('says which part of the catalog a login may not read when %s is closed', async (catalog, part) => {
  const clinic = await openClinic()
  try {
    const { app } = fixtureRoles()
    await clinic.run(`create role ${app}; revoke select on pg_catalog.${catalog} from public`)
    await clinic.run(`set local role ${app}`)

    const reading = readCatalog(clinic.trx, resolveDoctorOptions({}))

    await expect(reading).rejects.toThrow(UnreadableCatalogError)
    await expect(reading).rejects.toThrow(`may not read the ${part} in the catalog (${catalog})`)
  } finally {
    await clinic.close()
  }
})

test('finds the same with a login that has no right but to read the catalog', async () => {
  const clinic = await openClinic()
  try {
    const roles = fixtureRoles()
    await clinic.run(
      `${healthySchema(roles)}; create role ${roles.app}_reader; alter table shop.orders no force row level security`,
    )
    const before = await clinic.examine({ roles: [roles.app] })
    await clinic.run(`set local role ${roles.app}_reader`)

    const after = await clinic.examine({ roles: [roles.app] })

    expect(before.findings).toHaveLength(1)
    expect(after).toEqual(before)
  } finally {
    await clinic.close()
  }
})
