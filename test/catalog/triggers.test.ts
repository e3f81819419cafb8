import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nextMoment } from '../support/next-moment.ts'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { asTenant, createTenant, insertMemory } from './as-tenant.ts'

let database: TestDatabase
let admin: Kysely<unknown>
let mine: { readonly orgId: string; readonly agentId: string }
let theirs: { readonly orgId: string; readonly agentId: string }

beforeAll(async () => {
  database = await setup()
  admin = database.admin as Kysely<unknown>
  mine = await createTenant(admin, 'triggers-mine')
  theirs = await createTenant(admin, 'triggers-theirs')
})

afterAll(async () => {
  await database.close()
})

test.each(['agents', 'memories'])(
  '%s: updated_at moves when the row really changed, and only then',
  async (table) => {
    await asTenant(admin, mine.orgId, async (trx) => {
      if (table === 'memories') await insertMemory(trx, mine.agentId, 'for updated_at')
    })
    const name = sql.table(`ibex_core.${table}`)
    const read = async (): Promise<unknown> => {
      const { rows } =
        await sql`select updated_at::text as at from ${name} where org_id = ${mine.orgId}`.execute(admin)
      return rows
    }
    const before = await read()
    await nextMoment()

    await sql`update ${name} set metadata = metadata, deleted_at = deleted_at where org_id = ${mine.orgId}`.execute(
      admin,
    )
    expect(await read()).toEqual(before)

    await sql`update ${name} set metadata = '{"a": 1}' where org_id = ${mine.orgId}`.execute(admin)
    expect(await read()).not.toEqual(before)
  },
)

test('writes every change of a memory to its history, with actor and reason', async () => {
  const id = await asTenant(admin, mine.orgId, async (trx) => {
    await sql`select set_config('app.actor_type', 'extraction', true), set_config('app.actor_id', 'worker-7', true)`.execute(
      trx,
    )
    return await insertMemory(trx, mine.agentId, 'Ana lives in Porto')
  })
  const change = async (assignment: string, reason = ''): Promise<void> => {
    await asTenant(admin, mine.orgId, async (trx) => {
      await sql`select set_config('app.change_reason', ${reason}, true)`.execute(trx)
      await sql`update ibex_core.memories set ${sql.raw(assignment)} where id = ${id}`.execute(trx)
    })
  }
  await change("content = 'Ana lives in Lisbon', confidence = 0.9", 'she moved')
  await change('is_pinned = true')
  await change("status = 'superseded'")
  await change("status = 'active'")
  await change("status = 'merged'")
  await change("status = 'archived'")
  await change('importance = 9')
  await change("status = 'pending_review'")
  await change('deleted_at = now()')
  await change('deleted_at = null')

  const { rows } =
    await sql`select version_num, operation, content, status, changed_by_type, changed_by, change_reason
    from ibex_core.memory_versions where memory_id = ${id} order by version_num`.execute(admin)
  const lisbon = {
    content: 'Ana lives in Lisbon',
    changed_by_type: 'system',
    changed_by: null,
    change_reason: null,
  }
  expect(rows).toEqual([
    {
      version_num: 1,
      operation: 'create',
      content: 'Ana lives in Porto',
      status: 'active',
      changed_by_type: 'extraction',
      changed_by: 'worker-7',
      change_reason: null,
    },
    { ...lisbon, version_num: 2, operation: 'update', status: 'active', change_reason: 'she moved' },
    { ...lisbon, version_num: 3, operation: 'supersede', status: 'superseded' },
    { ...lisbon, version_num: 4, operation: 'restore', status: 'active' },
    { ...lisbon, version_num: 5, operation: 'merge', status: 'merged' },
    { ...lisbon, version_num: 6, operation: 'archive', status: 'archived' },
    { ...lisbon, version_num: 7, operation: 'update', status: 'archived' },
    { ...lisbon, version_num: 8, operation: 'update', status: 'pending_review' },
    { ...lisbon, version_num: 9, operation: 'delete', status: 'pending_review' },
    { ...lisbon, version_num: 10, operation: 'restore', status: 'pending_review' },
  ])
})

test('shows the history of a memory to its tenant only', async () => {
  const id = await asTenant(
    admin,
    mine.orgId,
    async (trx) => await insertMemory(trx, mine.agentId, 'a secret'),
  )
  const count = sql<{
    count: number
  }>`select count(*)::int as count from ibex_core.memory_versions where memory_id = ${id}`
  expect((await asTenant(admin, mine.orgId, async (trx) => await count.execute(trx))).rows).toEqual([
    { count: 1 },
  ])
  expect((await asTenant(admin, theirs.orgId, async (trx) => await count.execute(trx))).rows).toEqual([
    { count: 0 },
  ])
})

test('refuses an active version of another directive, and lets it go with its version', async () => {
  const first = await createDirective(mine)
  const second = await createDirective({ ...mine, agentId: await createAgent(mine.orgId) })
  const activate = (versionId: string): Promise<unknown> =>
    asTenant(admin, mine.orgId, async (trx) => {
      await sql`update ibex_core.directives set active_version_id = ${versionId} where id = ${first.directiveId}`.execute(
        trx,
      )
    })
  await expect(activate(second.versionId)).rejects.toThrow(expect.objectContaining({ code: '23503' }))
  await activate(first.versionId)

  await sql`delete from ibex_core.directives where id = ${first.directiveId}`.execute(admin)
  const { rows } =
    await sql`select id from ibex_core.directive_versions where id in (${first.versionId}, ${second.versionId})`.execute(
      admin,
    )
  expect(rows).toEqual([{ id: second.versionId }])
})

test.each(['directive_versions', 'checkpoints', 'memory_versions'])(
  '%s raises on UPDATE, DELETE and TRUNCATE for the app, the system and a superuser',
  async (table) => {
    await fillAppendOnly()
    const name = sql.table(`ibex_core.${table}`)
    const { rows: before } = await sql`select count(*)::int as count from ${name}`.execute(admin)
    expect(before).not.toEqual([{ count: 0 }])
    for (const role of ['ibex_app', 'ibex_system', 'none']) {
      for (const statement of [
        sql`update ${name} set created_at = now()`,
        sql`delete from ${name}`,
        sql`truncate ${name} cascade`,
      ]) {
        const attempt = asTenant(admin, mine.orgId, async (trx) => {
          await sql`select set_config('role', ${role}, true)`.execute(trx)
          await statement.execute(trx)
        })
        await expect(attempt).rejects.toThrow(expect.objectContaining({ code: '42501' }))
      }
    }
    const { rows: after } = await sql`select count(*)::int as count from ${name}`.execute(admin)
    expect(after).toEqual(before)
  },
)

test('deletes an organization with all its rows, the append-only ones included, and no other', async () => {
  await fillAppendOnly()
  await asTenant(admin, theirs.orgId, async (trx) => await insertMemory(trx, theirs.agentId, 'stays'))
  await sql`delete from ibex_core.organizations where id = ${mine.orgId}`.execute(admin)
  for (const table of ['memories', 'memory_versions', 'checkpoints', 'directive_versions', 'agents']) {
    const { rows } =
      await sql`select from ${sql.table(`ibex_core.${table}`)} where org_id = ${mine.orgId}`.execute(admin)
    expect({ table, rows }).toEqual({ table, rows: [] })
  }
  const { rows } = await sql`select content from ibex_core.memories where org_id = ${theirs.orgId}`.execute(
    admin,
  )
  expect(rows).toEqual([{ content: 'stays' }])
})

async function createAgent(orgId: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`insert into ibex_core.agents (org_id, name, slug)
    values (${orgId}, 'Bob', gen_random_uuid()::text) returning id`.execute(admin)
  return rows[0]?.id ?? ''
}

async function createDirective({
  orgId,
  agentId,
}: {
  readonly orgId: string
  readonly agentId: string
}): Promise<{
  readonly directiveId: string
  readonly versionId: string
}> {
  const { rows } = await sql<{ directiveId: string; versionId: string }>`
    with directive as (insert into ibex_core.directives (org_id, agent_id) values (${orgId}, ${agentId}) returning org_id, id)
    insert into ibex_core.directive_versions (org_id, directive_id, version_num, content, content_hash)
    select org_id, id, 1, 'be kind', repeat('0', 64) from directive returning directive_id as "directiveId", id as "versionId"`.execute(
    admin,
  )
  const [directive] = rows
  if (directive === undefined) throw new Error('the insert returned no row')
  return directive
}

/** A row of my tenant in each append-only table. */
async function fillAppendOnly(): Promise<void> {
  const agentId = await createAgent(mine.orgId)
  await createDirective({ orgId: mine.orgId, agentId })
  await asTenant(admin, mine.orgId, async (trx) => await insertMemory(trx, agentId, 'kept in the history'))
  await sql`with session as (insert into ibex_core.sessions (org_id, agent_id) values (${mine.orgId}, ${agentId}) returning org_id, id, agent_id)
    insert into ibex_core.checkpoints (org_id, session_id, agent_id, turn_index) select org_id, id, agent_id, 0 from session`.execute(
    admin,
  )
}
