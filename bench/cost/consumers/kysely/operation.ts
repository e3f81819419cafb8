/** The same part of the same service on plain Kysely: each query written out, with its tenant. */
import type { Kysely } from 'kysely'
import type { DB } from '../../../../types/database.d.ts'

export async function executions(db: Kysely<DB>, orgId: string, id: string) {
  const started = await db
    .insertInto('ibex_core.agent_executions')
    .values({ org_id: orgId, execution_id: id, agent_name: 'Guide', prompt: 'Hello' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const ended = await db
    .updateTable('ibex_core.agent_executions')
    .set({ status: 'completed', tokens_used: 12 })
    .where('org_id', '=', orgId)
    .where('id', '=', started.id)
    .returningAll()
    .executeTakeFirst()
  const running = await db
    .selectFrom('ibex_core.agent_executions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('agent_id', '=', id)
    .where('status', '=', 'running')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const call = await db
    .insertInto('ibex_core.tool_executions')
    .values({ org_id: orgId, correlation_id: id, tool_name: 'search', inputs: { words: 'sea' } })
    .returningAll()
    .executeTakeFirstOrThrow()
  const calls = await db
    .selectFrom('ibex_core.tool_executions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('correlation_id', '=', id)
    .where('tool_name', '=', 'search')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const results = await db
    .selectFrom('ibex_core.llm_round_table_results')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('task_category', '=', 'code')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const entry = await db
    .insertInto('ibex_core.audit_logs')
    .values({ org_id: orgId, action: 'login', actor: id, metadata: { address: 'here' } })
    .returningAll()
    .executeTakeFirstOrThrow()
  const entries = await db
    .selectFrom('ibex_core.audit_logs')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('action', '=', 'login')
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(20)
    .execute()
  return [
    ended?.tokens_used,
    running.length,
    call.status,
    calls.length,
    results.map((row) => row.winner_provider),
    entry.action,
    entries.map((row) => row.actor),
  ]
}

export async function commerce(db: Kysely<DB>, orgId: string, id: string) {
  const product = await db
    .insertInto('ibex_core.products')
    .values({ org_id: orgId, sku: 'mug', name: 'Mug', price: '9.90' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const products = await db
    .selectFrom('ibex_core.products')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('status', '=', 'published')
    .where('category', 'is', null)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const orders = await db
    .selectFrom('ibex_core.orders')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('user_id', '=', id)
    .where('status', 'in', ['pending', 'processing'])
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const order = await db
    .selectFrom('ibex_core.orders')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .executeTakeFirst()
  const items = await db
    .selectFrom('ibex_core.order_items')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('order_id', '=', id)
    .orderBy('seq', 'asc')
    .limit(20)
    .execute()
  const account = await db
    .selectFrom('ibex_core.point_accounts')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('user_id', '=', id)
    .limit(1)
    .executeTakeFirst()
  const ledger = await db
    .selectFrom('ibex_core.points_ledger')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('user_id', '=', id)
    .where('direction', '=', 'credit')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  return [
    product.price,
    products.length,
    orders.map((row) => row.total_price),
    order?.status,
    items.map((row) => row.sku),
    account?.balance,
    ledger.map((row) => row.amount),
  ]
}

export async function law(db: Kysely<DB>, orgId: string, id: string) {
  const receipts = await db
    .selectFrom('ibex_core.erasure_receipts')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('subject_type', '=', 'user')
    .where('subject_hash', '=', id)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const hold = await db
    .insertInto('ibex_core.legal_holds')
    .values({ org_id: orgId, subject_type: 'user', subject_id: id, reason: 'A case.' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const holds = await db
    .selectFrom('ibex_core.legal_holds')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('subject_id', '=', id)
    .where('released_at', 'is', null)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  return [receipts.map((row) => row.deleted), hold.reason, holds.map((row) => row.subject_id)]
}
