import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Report } from '../../src/doctor/diagnose.ts'
import { fixScript } from '../../src/doctor/fix.ts'
import { formatText } from '../../src/doctor/format-text.ts'
import { openClinic } from './clinic.ts'
import type { Clinic } from './clinic.ts'
import { fixtureRoles } from './healthy-schema.ts'
import { tutorialSchema } from './tutorial-schema.ts'

const roles = fixtureRoles()
// the superuser of a server may be called anything, "test" for one, and texts have such words
const owner = `${roles.app}_owner`
const options = {
  schemas: ['public'],
  tenantColumn: 'organization_id',
  setting: 'request.jwt.claims',
  roles: [roles.search, roles.app],
}
let clinic: Clinic

beforeAll(async () => {
  clinic = await openClinic()
  await clinic.run(`create role ${owner} superuser; set local role ${owner}; ${tutorialSchema(roles)}`)
})

afterAll(async () => {
  await clinic.close()
})

test('prints what is wrong with the schema of a tutorial', async () => {
  const text = formatText(await withPlainRoles(clinic.examine(options)))
  await expect(text).toMatchFileSnapshot('tutorial-report.txt')
})

test('names each finding differently, so that a baseline can accept one alone', async () => {
  const { findings } = await clinic.examine(options)
  const names = findings.map(({ code, object }) => `${code} ${object}`)
  expect(new Set(names).size).toBe(names.length)
})

test('prints a script that mends what a statement can mend, and says what is left to people', async () => {
  const script = fixScript(await withPlainRoles(clinic.examine(options)))
  await expect(script).toMatchFileSnapshot('tutorial-fix.sql')
})

test('leaves no error that a statement could have mended', async () => {
  await clinic.undone(async () => {
    const script = fixScript(await clinic.examine(options)).replaceAll(/^(?:begin|commit);$/gmu, '')

    await clinic.run(script)

    const { findings } = await clinic.examine(options)
    expect(
      findings.filter(({ fix }) => fix.length > 0).map(({ code, object }) => `${code} ${object}`),
    ).toEqual([])
  })
})

test('keeps the rows of another tenant, which it showed before, to that tenant', async () => {
  await clinic.undone(async () => {
    await clinic.run(`insert into public.organizations (id, name, slug) values ('${mine}', 'a', 'a'), ('${theirs}', 'b', 'b');
      insert into public.projects (organization_id, name) values ('${mine}', 'a'), ('${theirs}', 'b');
      insert into public.tasks (organization_id, title) values ('${mine}', 'a'), ('${theirs}', 'b');
      insert into public.attachments (organization_id, path) values ('${mine}', 'a'), ('${theirs}', 'b')`)
    expect(await visible()).toEqual({ organizations: both, projects: [mine], tasks: both, attachments: both })

    const script = fixScript(await clinic.examine(options)).replaceAll(/^(?:begin|commit);$/gmu, '')
    // the script ends in a commit, which would end its own setting
    await clinic.run(`${script}; set local row_security = on`)

    const alone = [mine]
    expect(await visible()).toEqual({
      organizations: alone,
      projects: alone,
      tasks: alone,
      attachments: alone,
    })
  })
})

const mine = '00000000-0000-0000-0000-00000000000a'
const theirs = '00000000-0000-0000-0000-00000000000b'
const both = [mine, theirs]

/** The tenants whose rows a user of mine sees. */
async function visible(): Promise<Readonly<Record<string, unknown>>> {
  const claims = JSON.stringify({ organization_id: mine, sub: mine })
  await clinic.run(`set local role ${roles.app}; set local "request.jwt.claims" = '${claims}'`)
  const seen: Record<string, unknown> = {}
  for (const table of ['organizations', 'projects', 'tasks', 'attachments']) {
    const tenant = table === 'organizations' ? 'id' : 'organization_id'
    const { rows } = await sql<{ tenants: string[] }>`
      select array(select distinct ${sql.ref(tenant)}::text from ${sql.table(`public.${table}`)} order by 1) as tenants`.execute(
      clinic.trx,
    )
    seen[table] = rows[0]?.tenants
  }
  await clinic.run(`set local role ${owner}`)
  return seen
}

/** The names of the tutorial: those of the test have no fixed length, and lines break by it. */
async function withPlainRoles(report: Promise<Report>): Promise<Report> {
  const text = JSON.stringify(await report)
    .replaceAll(`${roles.app}_authenticator`, 'authenticator')
    .replaceAll(owner, 'postgres')
    .replaceAll(roles.app, 'authenticated')
    .replaceAll(roles.system, 'service_role')
    .replaceAll(roles.search, 'anon')
    .replaceAll(/on database \w+/g, 'on database app')
  // what was a report is one with other names
  return JSON.parse(text) as Report
}
