import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ForeignKeyViolationError,
  InsufficientPrivilegeError,
  InvalidArgumentError,
  LastOwnerError,
  RowNotFoundError,
} from '../../src/errors.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import type { JsonText } from '../../types/database.d.ts'
import { insertMemory, insertTeam, insertUser } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, shown } from '../support/two-tenants.ts'
import { type Person, allRows, carriersOf, countRows, createConsumerTables, insertPerson } from './person.ts'

let tenants: TwoTenants
let theirPerson: Person

const nobody = '00000000-0000-0000-0000-000000000000'
const reason = 'asked by the user'

beforeAll(async () => {
  tenants = await openTwoTenants()
  await createConsumerTables(tenants.admin)
  theirPerson = await insertPerson(tenants.admin, tenants.theirs.orgId)
})

afterAll(async () => {
  await tenants.close()
})

async function insertMine(): Promise<Person> {
  return await insertPerson(tenants.admin, tenants.mine.orgId)
}

test('leaves no row of any table that carries the id, and nothing that was about the user', async () => {
  const { admin, mine } = tenants
  const person = await insertMine()
  const carriers = await carriersOf(admin, person.userId)
  for (const column of ['audit_logs.actor', 'tool_executions.inputs', 'checkpoints.state', 'orders.user_id'])
    expect(carriers).toContain(`ibex_core.${column}`)
  expect(carriers.filter((column) => column.startsWith('public.'))).toHaveLength(7)

  await mine.erasure.eraseUser(person.userId, { reason })
  expect(await carriersOf(admin, person.userId)).toEqual([])
  for (const id of [person.sessionId, ...person.memoryIds])
    expect({ id, carriers: await carriersOf(admin, id) }).toEqual({ id, carriers: [] })
})

test('counts in its receipt exactly what is gone from each table, a consumer’s included', async () => {
  const { admin, mine } = tenants
  const person = await insertMine()
  const before = await countRows(admin, mine.orgId)
  const receipt = await mine.erasure.eraseUser(person.userId, { reason })
  const after = await countRows(admin, mine.orgId)

  const written = new Set(['ibex_core.erasure_receipts', 'ibex_core.memory_tombstones'])
  const gone = Object.entries(before)
    .filter(([table, count]) => count !== after[table] && !written.has(table))
    .map(([table, count]) => [table, count - (after[table] ?? 0)])
  const told = receipt.tables.filter(({ deleted }) => deleted > 0)
  expect(told.map(({ table, deleted }) => [table, deleted])).toEqual(gone)
  expect(Object.fromEntries(gone)).toMatchObject({
    'ibex_core.memories': 3,
    'ibex_core.memory_versions': 3,
    'ibex_core.points_ledger': 1,
    'public.diaries': 2,
    'public.memory_notes': 1,
  })
  expect(receipt.deleted).toBe(told.reduce((sum, { deleted }) => sum + deleted, 0))
  expect(receipt.cleared).toBe(receipt.tables.reduce((sum, { cleared }) => sum + cleared, 0))
  expect(receipt.tombstones).toBe(3)
  expect((after['ibex_core.memory_tombstones'] ?? 0) - (before['ibex_core.memory_tombstones'] ?? 0)).toBe(3)
})

test('keeps orders and records without the user, and takes the id out of texts, arrays and JSON', async () => {
  const { admin, mine } = tenants
  const person = await insertMine()
  await mine.erasure.eraseUser(person.userId, { reason })
  expect(await mine.orders.findById(person.orderId)).toMatchObject({ user_id: null })
  expect(await mine.agents.findById(person.agentId)).toMatchObject({ created_by: null })
  const entries = await mine.auditLogs.find({ where: { action: 'read' }, orderBy: { created_at: 'desc' } })
  expect(entries[0]).toMatchObject({ actor: nobody, metadata: { [nobody]: 1 } })
  const [sighting] = (await allRows(admin, mine.orgId))['public.sightings'] ?? []
  expect(sighting).toContain(nobody)
})

test('leaves other users of the organization and other organizations as they were', async () => {
  const { admin, mine, theirs } = tenants
  const other = await insertMine()
  const person = await insertMine()
  const theirsBefore = await allRows(admin, theirs.orgId)
  await mine.erasure.eraseUser(person.userId, { reason })

  expect(await allRows(admin, theirs.orgId)).toEqual(theirsBefore)
  expect(await mine.users.findById(other.userId)).toBeDefined()
  expect(await mine.memories.find({ where: { id: other.memoryIds } })).toHaveLength(3)
  expect(await carriersOf(admin, other.userId)).toContain('ibex_core.audit_logs.actor')
  expect(await theirs.erasure.receiptsOf(person.userId)).toEqual([])
})

test('says of another tenant’s user the same as of none, and leaves that user alone', async () => {
  const { admin, mine, theirs } = tenants
  const before = await allRows(admin, theirs.orgId)
  const foreign = await failure(async () => await mine.erasure.eraseUser(theirPerson.userId, { reason }))
  const unknown = await failure(async () => await mine.erasure.eraseUser(nobody, { reason }))
  expect(foreign).toBeInstanceOf(RowNotFoundError)
  expect(shown(foreign)).toEqual(shown(unknown))
  expect(await allRows(admin, theirs.orgId)).toEqual(before)
})

test('proves by its receipt that this user was erased, without naming one, the actor and the reason included', async () => {
  const { admin, database, mine } = tenants
  const { id } = await insertUser(admin, { org_id: mine.orgId })
  const scope = database.forTenant(mine.orgId, { actor: { type: 'user', id } })
  const receipt = await scope.erasure.eraseUser(id.toUpperCase(), { reason: `asked by ${id}` })

  expect(await carriersOf(admin, id)).toEqual([])
  expect(await mine.erasure.receiptsOf(id)).toEqual([receipt])
  expect(await mine.erasure.findById(receipt.id)).toMatchObject({
    reason: `asked by ${nobody}`,
    erased_by_type: 'user',
    erased_by: nobody,
  })
})

test('leaves no trace of a user who erases himself in the versions that it writes', async () => {
  const { admin, database, mine } = tenants
  const { id } = await insertUser(admin, { org_id: mine.orgId })
  // of nobody, and changed by the erasure, because it names the user
  const memory = await insertMemory(admin, { org_id: mine.orgId, metadata: { heard_from: id } })
  const scope = database.forTenant(mine.orgId, { actor: { type: 'user', id } })
  await scope.erasure.eraseUser(id, { reason })

  const versions = await mine.memories.history(memory.id)
  expect(versions.map(({ changed_by: by }) => by)).not.toContain(id)
  expect(versions.at(-1)).toMatchObject({ metadata: { heard_from: nobody } })
  expect(await carriersOf(admin, id)).toEqual([])
})

test('erases a soft-deleted user, and the second time there is none', async () => {
  const { mine } = tenants
  const { userId } = await insertMine()
  await mine.users.softDelete(userId)
  await mine.erasure.eraseUser(userId, { reason })
  const again = await failure(async () => await mine.erasure.eraseUser(userId, { reason }))
  expect(again).toBeInstanceOf(RowNotFoundError)
})

test('takes part in the transaction around it', async () => {
  const { admin, mine } = tenants
  const { userId } = await insertMine()
  const before = await allRows(admin, mine.orgId)
  const undone = mine.transaction(async (trx) => {
    await trx.erasure.eraseUser(userId, { reason })
    throw new Error('undone on purpose')
  })
  await expect(undone).rejects.toThrow('undone on purpose')
  expect(await allRows(admin, mine.orgId)).toEqual(before)
})

test('hands the user’s teams over, and refuses where there is nobody to take them, or no owner is left', async () => {
  const { admin, mine } = tenants
  const org = { org_id: mine.orgId }
  const [owner, heir] = [await insertUser(admin, org), await insertUser(admin, org)]
  const team = await insertTeam(admin, { ...org, owner_id: owner.id })
  const alone = await failure(async () => await mine.erasure.eraseUser(owner.id, { reason }))
  expect(alone).toBeInstanceOf(LastOwnerError)
  expect(await mine.users.findById(owner.id)).toBeDefined()

  await mine.teams.addMember(team.id, heir.id, 'owner')
  await mine.erasure.eraseUser(owner.id, { reason })
  expect(await mine.teams.findById(team.id)).toMatchObject({ owner_id: heir.id })

  const last = await insertUser(admin, { ...org, role: 'owner', status: 'active' })
  const refused = await failure(async () => await mine.erasure.eraseUser(last.id, { reason }))
  expect(refused).toBeInstanceOf(LastOwnerError)
})

test('refuses while a row of a consumer forbids it, and changes nothing', async () => {
  const { admin, mine } = tenants
  await createTenantTable(admin, 'public.signatures', {
    comment: 'Who signed.',
    columns: { user_id: { type: 'uuid' } },
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'no action' }],
  })
  const { userId } = await insertMine()
  await admin
    .insertInto('public.signatures' as 'ibex_core.tokens')
    .values({ org_id: mine.orgId, user_id: userId } as never)
    .execute()
  const before = await allRows(admin, mine.orgId)
  const refused = await failure(async () => await mine.erasure.eraseUser(userId, { reason }))
  expect(refused).toBeInstanceOf(ForeignKeyViolationError)
  expect(await allRows(admin, mine.orgId)).toEqual(before)
})

describe('bad input', () => {
  test.each([
    ['an id that is none', 'me', { reason }],
    ['no reason', nobody, {}],
    ['a blank reason', nobody, { reason: ' ' }],
    ['a long reason', nobody, { reason: 'x'.repeat(1_001) }],
    ['an unknown option', nobody, { reason, force: true }],
    ['a flag that is none', nobody, { reason, allowRelearning: 'yes' }],
    ['no options', nobody, undefined],
  ])('throws InvalidArgumentError before any SQL for %s', async (_, id, options) => {
    const erase = async (): Promise<unknown> => await tenants.mine.erasure.eraseUser(id, options as never)
    expect(await refusal(tenants, erase)).toBeInstanceOf(InvalidArgumentError)
  })

  test('throws InvalidArgumentError in a transaction that would not see what was added', async () => {
    const { mine } = tenants
    const { userId } = await insertMine()
    const error = await failure(
      async () =>
        await mine.transaction(async (trx) => await trx.erasure.eraseUser(userId, { reason }), {
          isolationLevel: 'repeatable read',
        }),
    )
    expect(error).toMatchObject({ name: 'InvalidArgumentError', argument: 'isolationLevel' })
    expect(await mine.users.findById(userId)).toBeDefined()
  })
})

test('lets nobody write, change or delete a receipt', async () => {
  const { admin, mine } = tenants
  const { id } = await mine.erasure.eraseUser((await insertMine()).userId, { reason })
  const forged = {
    subject_type: 'user' as const,
    subject_hash: '0'.repeat(64),
    reason,
    tables: '[]' as JsonText,
  }
  for (const attempt of [
    async () => await mine.erasure.insert(forged),
    async () => await mine.erasure.update(id, { reason: 'another' }),
    async () => await mine.erasure.delete(id),
  ])
    expect(await failure(attempt)).toBeInstanceOf(InsufficientPrivilegeError)
  const asOwner = admin.insertInto('ibex_core.erasure_receipts').values({ org_id: mine.orgId, ...forged })
  await expect(asOwner.execute()).rejects.toThrow('a receipt is written by an erasure alone')
  expect(await mine.erasure.findById(id)).toMatchObject({ reason })
})
