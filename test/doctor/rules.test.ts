import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/doctor/findings.ts'
import { rules } from '../../src/doctor/rules.ts'
import { openClinic } from './clinic.ts'
import type { Clinic } from './clinic.ts'
import type { Defect } from './defects/defect.ts'
import { defects } from './defects/defects.ts'
import { fixtureRoles, healthySchema } from './healthy-schema.ts'

const roles = fixtureRoles()
const planted = defects(roles)
let clinic: Clinic

beforeAll(async () => {
  clinic = await openClinic()
  await clinic.run(healthySchema(roles))
})

afterAll(async () => {
  await clinic.close()
})

test('has a planted defect for every rule', () => {
  expect([...new Set(planted.map(({ code }) => code))].sort()).toEqual(rules.map(({ code }) => code).sort())
})

test('finds nothing in a schema that is in order', async () => {
  expect(await findingsOf({})).toEqual([])
})

describe.each(rules.map(({ code }) => code))('%s', (code) => {
  const ours = planted.filter((defect) => defect.code === code)

  test.each(ours)('finds $name, and nothing else', async (defect) => {
    await clinic.undone(async () => {
      await clinic.run(defect.plant)

      const findings = await findingsOf(defect)

      expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual(
        defect.objects.map((object) => `${code} ${withRoles(object)}`),
      )
      expect(findings.every(({ fix }) => fix.length > 0 === defect.isMendable)).toBe(true)
    })
  })

  test.each(ours.filter(({ isMendable, edit }) => isMendable && edit === undefined))(
    'is silent after its own statements have mended $name',
    async (defect) => {
      await clinic.undone(async () => {
        await clinic.run(defect.plant)
        for (const { fix } of await findingsOf(defect))
          for (const statement of fix) await clinic.run(statement)

        expect(await findingsOf(defect)).toEqual([])
      })
    },
  )
})

test('revokes MAINTAIN, which servers before PostgreSQL 17 do not know', async () => {
  const defect = planted.find(({ code }) => code === 'privilege-maintain')
  const findings = await findingsOf(defect ?? {})
  expect(findings.map(({ fix }) => fix)).toEqual([[`revoke maintain on shop.orders from ${roles.app}`]])
})

async function findingsOf({ options, edit }: Pick<Defect, 'options' | 'edit'>): Promise<readonly Finding[]> {
  const { findings } = await clinic.examine({ roles: [roles.app], ...options }, edit)
  return findings
}

function withRoles(object: string): string {
  const { app, system, search } = roles
  return object
    .replaceAll('APP', app)
    .replaceAll('SYSTEM', system)
    .replaceAll('SEARCH', search)
    .replaceAll('OWNER', clinic.owner)
}
