import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Report } from '../../src/doctor/diagnose.ts'
import { fixScript } from '../../src/doctor/fix.ts'
import { formatText } from '../../src/doctor/format-text.ts'
import { openClinic } from './clinic.ts'
import type { Clinic } from './clinic.ts'
import { fixtureRoles } from './healthy-schema.ts'
import { tutorialSchema } from './tutorial-schema.ts'

const roles = fixtureRoles()
const options = {
  schemas: ['public'],
  tenantColumn: 'organization_id',
  setting: 'request.jwt.claims',
  roles: [roles.search, roles.app],
}
let clinic: Clinic

beforeAll(async () => {
  clinic = await openClinic()
  await clinic.run(tutorialSchema(roles))
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

/** The names of the tutorial: those of the test have no fixed length, and lines break by it. */
async function withPlainRoles(report: Promise<Report>): Promise<Report> {
  const rename = (text: string): string =>
    text
      .replaceAll(`${roles.app}_authenticator`, 'authenticator')
      .replaceAll(roles.app, 'authenticated')
      .replaceAll(roles.system, 'service_role')
      .replaceAll(roles.search, 'anon')
      .replaceAll(new RegExp(`\\b${clinic.owner}\\b`, 'g'), 'postgres')
      .replaceAll(/on database \w+/g, 'on database app')
  const text = JSON.stringify(await report, (key, value: unknown) =>
    typeof value === 'string' && !explanations.has(key) ? rename(value) : value,
  )
  // what was a report is one with other names
  return JSON.parse(text) as Report
}

/** What a rule says of every schema: no name of this one is in it. */
const explanations: ReadonlySet<string> = new Set(['problem', 'why', 'remedy'])
