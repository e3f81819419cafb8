import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { diagnose } from '../../src/doctor/diagnose.ts'
import type { Report } from '../../src/doctor/diagnose.ts'
import { applyFix, fixScript } from '../../src/doctor/fix.ts'
import { FixFailedError } from '../../src/errors.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { fixtureRoles } from './healthy-schema.ts'

// an owner who is no superuser: FORCE holds it, as it holds the owner of a real database
const owner = `${fixtureRoles().app}_owner`
const options = { schemas: ['shop'], roles: [owner] }
const mine = '00000000-0000-0000-0000-000000000001'
const theirs = '00000000-0000-0000-0000-000000000002'
let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
  await run(`create role ${owner}`)
})

afterAll(async () => {
  await run(`drop role ${owner}`)
  await database.close()
})

beforeEach(async () => {
  await run(`create schema shop authorization ${owner}; set role ${owner};
    create table shop.notes (org_id uuid not null, id uuid not null, primary key (org_id, id));
    create table shop.lines (org_id uuid not null, note_id uuid, n int, primary key (org_id, n));
    insert into shop.notes values ('${mine}', '${mine}');
    alter table shop.lines add constraint of_note foreign key (org_id, note_id) references shop.notes not valid;
    alter table shop.notes enable row level security, force row level security;
    alter table shop.lines enable row level security, force row level security;
    reset role`)
})

afterEach(async () => {
  await run('drop schema shop cascade')
})

test('validates what holds for the rows of every tenant, and leaves FORCE on', async () => {
  await run(`insert into shop.lines values ('${mine}', '${mine}', 1)`)

  await asOwner(async (db) => {
    await applyFix(db, only(await diagnose(db, options), 'constraint-not-valid'))
  })

  expect(await state()).toEqual({ is_validated: true, forced: 2 })
})

test('fails where a row that FORCE hides breaks the constraint, and changes nothing', async () => {
  await run(`alter table shop.lines drop constraint of_note; insert into shop.lines values ('${theirs}', '${theirs}', 1);
    alter table shop.lines add constraint of_note foreign key (org_id, note_id) references shop.notes not valid`)

  const error = await asOwner(async (db) => {
    return await applyFix(db, only(await diagnose(db, options), 'constraint-not-valid')).catch(
      (error: unknown) => error,
    )
  })

  expect(error).toBeInstanceOf(FixFailedError)
  const { message } = error as FixFailedError
  expect(message).toContain('mending constraint-not-valid of constraint of_note on shop.lines failed')
  expect(message).not.toContain(theirs)
  expect(await state()).toEqual({ is_validated: false, forced: 2 })
})

test('takes back what it has changed when a later statement fails', async () => {
  await run('alter table shop.notes no force row level security; alter table shop.lines alter n type bigint')
  const report = await diagnose(database.admin, options)
  const [first] = report.findings
  const impossible = first === undefined ? [] : [{ ...first, fix: ['alter table shop.gone set logged'] }]
  const broken = [...report.findings, ...impossible]

  await expect(applyFix(database.admin, { ...report, findings: broken })).rejects.toThrow(FixFailedError)

  expect(await state()).toEqual({ is_validated: false, forced: 1 })
})

test('runs nothing when there is nothing to mend', async () => {
  const report = { ...(await diagnose(database.admin, options)), findings: [] }
  expect(await applyFix(database.admin, report)).toBe(0)
  expect(fixScript(report)).toContain('There is nothing that a statement can mend.')
})

test('does not run a statement twice that two findings need', async () => {
  const fix = ['alter table shop.notes add unique (id, org_id)']
  const [first] = (await diagnose(database.admin, options)).findings
  const report = await diagnose(database.admin, options)
  const twice = {
    ...report,
    findings:
      first === undefined
        ? []
        : [
            { ...first, fix },
            { ...first, fix },
          ],
  }
  expect(await applyFix(database.admin, twice)).toBe(1)
})

test('keeps the line breaks of names out of the comments of its script', async () => {
  const [first] = (await diagnose(database.admin, options)).findings
  const object = 'table shop."notes\ndrop table shop.notes; --"'
  const script = fixScript({
    ...(await diagnose(database.admin, options)),
    findings: first === undefined ? [] : [{ ...first, object, fix: [] }],
  })
  expect(script.split('\n').filter((line) => line !== '' && !line.startsWith('--'))).toEqual([])
})

async function run(script: string): Promise<void> {
  await sql.raw(script).execute(database.admin)
}

async function asOwner<T>(callback: (db: Kysely<unknown>) => Promise<T>): Promise<T> {
  return await database.admin.connection().execute(async (connection) => {
    await sql.raw(`set role ${owner}`).execute(connection)
    try {
      // its tables are in no generated type
      return await callback(connection as unknown as Kysely<unknown>)
    } finally {
      await sql.raw('reset role').execute(connection)
    }
  })
}

function only(report: Report, code: string): Report {
  const findings = report.findings.filter((finding) => finding.code === code)
  expect(findings).toHaveLength(1)
  return { ...report, findings }
}

async function state(): Promise<unknown> {
  const { rows } =
    await sql`select (select convalidated from pg_constraint where conname = 'of_note') as is_validated,
    (select count(*)::int from pg_class where relforcerowsecurity and relnamespace = 'shop'::regnamespace) as forced`.execute(
      database.admin,
    )
  return rows[0]
}
