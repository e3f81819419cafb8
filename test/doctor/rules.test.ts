import { sql } from 'kysely'
import type { ControlledTransaction } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeCatalog } from '../../src/doctor/diagnose.ts'
import type { Finding } from '../../src/doctor/findings.ts'
import { resolveDoctorOptions } from '../../src/doctor/options.ts'
import { readCatalog } from '../../src/doctor/read-catalog.ts'
import { rules } from '../../src/doctor/rules.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { defects } from './defects.ts'
import type { Defect } from './defects.ts'
import { fixtureRoles, healthySchema } from './healthy-schema.ts'

const roles = fixtureRoles()
const planted = defects(roles)
let database: TestDatabase
// the whole file is one transaction that is never committed: no role of the cluster stays behind
let trx: ControlledTransaction<unknown, string[]>

beforeAll(async () => {
  database = await emptyDatabase()
  // the tables of this file are in no generated type
  trx = (await database.admin.startTransaction().execute()) as unknown as typeof trx
  await run(healthySchema(roles))
})

afterAll(async () => {
  await trx.rollback().execute()
  await database.close()
})

test('plants a defect for every rule', () => {
  expect([...new Set(planted.map(({ code }) => code))].sort()).toEqual(rules.map(({ code }) => code).sort())
})

test('finds nothing in a schema that is in order', async () => {
  expect(await diagnosed({})).toEqual([])
})

describe.each(rules.map(({ code }) => code))('%s', (code) => {
  test.each(planted.filter((defect) => defect.code === code))(
    'finds $name, and nothing else',
    async (defect) => {
      await undone(async () => {
        await run(defect.plant)

        const findings = await diagnosed(defect)

        expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual(
          defect.objects.map((object) => `${code} ${withRoles(object)}`),
        )
      })
    },
  )

  test.each(
    planted.filter(
      ({ isMendable, edit, ...defect }) => defect.code === code && isMendable && edit === undefined,
    ),
  )('is silent after its own statements have mended $name', async (defect) => {
    await undone(async () => {
      await run(defect.plant)
      const findings = await diagnosed(defect)
      expect(findings.every(({ fix }) => fix.length > 0)).toBe(true)

      for (const { fix } of findings) for (const statement of fix) await run(statement)

      expect(await diagnosed(defect)).toEqual([])
    })
  })

  test('offers no statement where only a person can decide', async () => {
    for (const defect of planted.filter((defect) => defect.code === code && !defect.isMendable)) {
      await undone(async () => {
        await run(defect.plant)
        const findings = await diagnosed(defect)
        expect(findings.flatMap(({ fix }) => fix)).toEqual([])
      })
    }
  })
})

test('revokes MAINTAIN, which servers before PostgreSQL 17 do not know', async () => {
  const defect = planted.find(({ code }) => code === 'privilege-maintain')
  const findings = await diagnosed(defect ?? {})
  expect(findings.map(({ fix }) => fix)).toEqual([[`revoke maintain on shop.orders from ${roles.app}`]])
})

async function diagnosed({
  options,
  edit = (catalog) => catalog,
}: Pick<Defect, 'options' | 'edit'>): Promise<readonly Finding[]> {
  const resolved = resolveDoctorOptions({ roles: [roles.app], ...options })
  const catalog = await readCatalog(trx, resolved)
  // whatever server the suite runs on
  const server = { version: 180_006, vector: null }
  return judgeCatalog(edit({ ...catalog, server }), resolved).findings
}

/** Takes back what the callback does. */
async function undone(callback: () => Promise<void>): Promise<void> {
  await run('savepoint defect')
  try {
    await callback()
  } finally {
    await run('rollback to savepoint defect')
  }
}

async function run(script: string): Promise<void> {
  // node-postgres runs a script of several statements when there are no parameters
  if (script !== '') await sql.raw(script).execute(trx)
}

function withRoles(object: string): string {
  return object.replace('APP', roles.app).replace('SYSTEM', roles.system).replace('SEARCH', roles.search)
}
