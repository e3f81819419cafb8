import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { insertMemory } from '../support/factories.ts'

let bundle: TwoTenants
let memoryId: string

beforeAll(async () => {
  bundle = await openTwoTenants()
  memoryId = (await insertMemory(bundle.admin, { org_id: bundle.mine.orgId })).id
})

afterAll(async () => {
  await bundle.close()
})

let confidence = 0

/** Changes the memory and returns who the version says has done it. */
async function changeWith(db: TenantScope['db']): Promise<unknown> {
  confidence += 0.01
  await db.updateTable('ibex_core.memories').set({ confidence }).where('id', '=', memoryId).execute()
  return await db
    .selectFrom('ibex_core.memory_versions')
    .select(['changed_by_type as type', 'changed_by as id', 'change_reason as reason'])
    .where('memory_id', '=', memoryId)
    .orderBy('version_num', 'desc')
    .executeTakeFirstOrThrow()
}

test('records who has changed a memory and why', async () => {
  const { orgId } = bundle.mine
  const scope = bundle.database.forTenant(orgId, {
    actor: { type: 'user', id: 'ana' },
    changeReason: 'she said so',
  })
  expect(await changeWith(scope.db)).toEqual({ type: 'user', id: 'ana', reason: 'she said so' })
})

test('records the actor of the transaction instead of the one of the scope', async () => {
  const scope = bundle.database.forTenant(bundle.mine.orgId, { actor: { type: 'user', id: 'ana' } })
  const recorded = await scope.transaction(async (trx) => await changeWith(trx.db), {
    actor: { type: 'extraction', id: 'turn-7' },
    changeReason: 'learnt from a conversation',
  })
  expect(recorded).toEqual({ type: 'extraction', id: 'turn-7', reason: 'learnt from a conversation' })
})

test('leaves no actor behind for the next scope on the connection', async () => {
  const scope = bundle.database.forTenant(bundle.mine.orgId, { actor: { type: 'user', id: 'ana' } })
  await scope.transaction(async (trx) => await changeWith(trx.db))
  expect(await changeWith(bundle.mine.db)).toEqual({ type: 'system', id: null, reason: null })
})

test('records the reason of the system scope', async () => {
  const recorded = await bundle.database.asSystem('nightly decay', async ({ db }) => await changeWith(db))
  expect(recorded).toEqual({ type: 'system', id: null, reason: 'nightly decay' })
})

test.each([
  ['an unknown type', { actor: { type: 'root' } }],
  ['an empty id', { actor: { type: 'user', id: '' } }],
  ['an id with a NUL byte', { actor: { type: 'user', id: 'a\0b' } }],
  ['a long id', { actor: { type: 'user', id: 'x'.repeat(1_001) } }],
  ['a reason that is no text', { changeReason: 7 }],
])('refuses %s before any SQL', (_, options) => {
  const before = bundle.statements.length
  // what a service without types passes
  const make = (): unknown => bundle.database.forTenant(bundle.mine.orgId, options as never)
  expect(make).toThrow(InvalidArgumentError)
  expect(bundle.statements).toHaveLength(before)
})
