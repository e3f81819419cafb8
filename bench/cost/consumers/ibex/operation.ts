/** The part of a service that deals with executions, commerce and erasure, on ibex-db: what the type checker is measured with. */
import type { TenantScope } from '../../../../src/index.ts'

const newest = { orderBy: { created_at: 'desc' }, limit: 20 } as const

export async function executions(tenant: TenantScope, id: string) {
  const run = { execution_id: id, agent_name: 'Guide', prompt: 'Hello' }
  const started = await tenant.agentExecutions.insert(run)
  const ended = await tenant.agentExecutions.update(started.id, { status: 'completed', tokens_used: 12 })
  const running = await tenant.agentExecutions.find({ where: { agent_id: id, status: 'running' }, ...newest })
  const call = await tenant.toolExecutions.insert({
    correlation_id: id,
    tool_name: 'search',
    inputs: { words: 'sea' },
  })
  const calls = await tenant.toolExecutions.find({
    where: { correlation_id: id, tool_name: 'search' },
    ...newest,
  })
  const results = await tenant.roundTableResults.find({ where: { task_category: 'code' }, ...newest })
  const entry = await tenant.auditLogs.insert({ action: 'login', actor: id, metadata: { address: 'here' } })
  const entries = await tenant.auditLogs.findPage({
    where: { action: 'login' },
    orderBy: { created_at: 'desc' },
    limit: 20,
  })
  return [
    ended?.tokens_used,
    running.length,
    call.status,
    calls.length,
    results.map((row) => row.winner_provider),
    entry.action,
    entries.rows.map((row) => row.actor),
  ]
}

export async function commerce(tenant: TenantScope, id: string) {
  const product = await tenant.products.insert({ sku: 'mug', name: 'Mug', price: '9.90' })
  const products = await tenant.products.find({ where: { status: 'published', category: null }, ...newest })
  const orders = await tenant.orders.find({
    where: { user_id: id, status: ['pending', 'processing'] },
    ...newest,
  })
  const order = await tenant.orders.findById(id)
  const items = await tenant.orderItems.find({ where: { order_id: id }, orderBy: { seq: 'asc' }, limit: 20 })
  const account = await tenant.points.findOne({ user_id: id })
  const ledger = await tenant.pointsLedger.find({ where: { user_id: id, direction: 'credit' }, ...newest })
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

export async function law(tenant: TenantScope, id: string) {
  const receipts = await tenant.erasure.find({ where: { subject_type: 'user', subject_hash: id }, ...newest })
  const hold = await tenant.legalHolds.insert({ subject_type: 'user', subject_id: id, reason: 'A case.' })
  const holds = await tenant.legalHolds.find({ where: { subject_id: id, released_at: null }, ...newest })
  return [receipts.map((row) => row.deleted), hold.reason, holds.map((row) => row.subject_id)]
}
