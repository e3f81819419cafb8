/** Two tenants, one of them large, with rows in every tenant table: enough that reading a table to its end never pays. */
import { hash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { erasureFills } from './erasure-fills.ts'
import { shareOf, ref, place, shifted, own, vector, created, sha256 } from './fixture-values.ts'
import type { FixtureIds } from './own-calls.ts'

/** How many rows a tenant has in the tables that grow with its use; fewer in the others. */
export interface FixtureSize {
  readonly orgId: string
  readonly rows: number
}

/**
 * Fills every tenant table for each tenant, without triggers and foreign keys, and analyzes.
 *
 * Row `i` of a table has an id made of its tenant, table and number, so that rows refer to each other and tests to them.
 */
export async function fillTenants(admin: Kysely<DB>, sizes: readonly FixtureSize[]): Promise<void> {
  await admin.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx)
    for (const { orgId, rows } of sizes) {
      for (const fill of fills) await insert(trx, fill, { orgId, rows })
    }
  })
  await sql`analyze`.execute(admin)
}

/** The ids of a tenant of the fixture. */
export function readIds({ orgId, rows }: FixtureSize): FixtureIds {
  const id = (table: string, index: number): string => {
    const digits = hash('md5', `${orgId}${table}${index}`)
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }
  return {
    orgId,
    first: (table) => id(table, 0),
    of: (table) => id(table, 1),
    last: (table) => id(table, Math.ceil(rows * shareOf(table)) - 1),
  }
}

interface Fill {
  readonly table: string
  /** SQL expressions: `i` is the number of the row, `org` the tenant, `n` the rows that it gets. */
  readonly values: Readonly<Record<string, string>>
}

async function insert(db: Kysely<DB>, { table, values }: Fill, { orgId, rows }: FixtureSize): Promise<void> {
  const columns = Object.keys(values).map((column) => sql.ref(column))
  const expressions = Object.values(values).map((expression) => sql.raw(expression))
  await sql`insert into ${sql.table(`ibex_core.${table}`)} (org_id, ${sql.join(columns)})
    select org::uuid, ${sql.join(expressions)}
    from (select ${orgId}::text as org, ${rows}::int as n, i
      from generate_series(0, ${Math.ceil(rows * shareOf(table)) - 1}::int) as i) as series`.execute(db)
}

/** A change of the embedding model that came to nothing, and what it left. */
const cancelled = { model: "'a'", status: "'cancelled'", holder: 'gen_random_uuid()', finished_at: 'now()' }
const staged = { reembedding_id: ref('memory_reembeddings'), content_hash: sha256, embedding: vector(384) }

const fills: readonly Fill[] = [
  {
    table: 'users',
    values: {
      ...own('users'),
      email: "'user' || i || '@example.com'",
      username: "'user' || i",
      role: "case when i < 4 then 'owner' else 'member' end",
    },
  },
  {
    table: 'teams',
    values: { ...own('teams'), name: "'Team'", slug: "'team-' || i", owner_id: ref('users') },
  },
  {
    table: 'team_memberships',
    values: {
      ...own('team_memberships'),
      team_id: ref('teams'),
      user_id: shifted('teams', 'users'),
      // the first place is that of the team's owner_id, the second that of another owner
      role: `case when ${place('teams')} < 2 then 'owner' else 'member' end`,
    },
  },
  {
    table: 'agents',
    values: {
      ...own('agents'),
      name: "'Agent'",
      slug: "'agent-' || i",
      status: "'active'",
      team_id: ref('teams'),
      created_by: ref('users'),
      ...created,
    },
  },
  {
    table: 'tokens',
    values: {
      ...own('tokens'),
      user_id: ref('users'),
      type: "'pat'",
      hash: sha256,
      prefix: "'ibx'",
      name: "'A token'",
    },
  },
  { table: 'directives', values: { ...own('directives'), agent_id: ref('agents') } },
  {
    table: 'directive_versions',
    values: {
      ...own('directive_versions'),
      directive_id: ref('directives'),
      version_num: `${place('directives')} + 1`,
      content: "'Be kind.'",
      content_hash: sha256,
    },
  },
  { table: 'roles', values: { ...own('roles'), name: "'Role ' || i" } },
  {
    table: 'prompt_templates',
    values: {
      ...own('prompt_templates'),
      role_id: ref('roles'),
      name: "'Template ' || i",
      content: "'Be kind.'",
      is_default: `${place('roles')} = 0`,
    },
  },
  { table: 'projects', values: { ...own('projects'), name: "'Project ' || i", slug: "'project-' || i" } },
  {
    table: 'project_roles',
    values: { ...own('project_roles'), project_id: ref('projects'), role_id: shifted('projects', 'roles') },
  },
  {
    table: 'canon_items',
    values: {
      ...own('canon_items'),
      project_id: ref('projects'),
      role_id: `case when i % 2 = 0 then ${ref('roles')} end`,
      type: "(array['ADR', 'CHANGELOG', 'BACKLOG', 'GLOSSARY', 'PMD'])[i % 5 + 1]",
      title: "'Decision ' || i",
      body: "'We keep word' || i % 100 || ' and postgres.'",
      ...created,
    },
  },
  {
    table: 'sessions',
    values: {
      ...own('sessions'),
      agent_id: ref('agents'),
      user_id: ref('users'),
      project_id: ref('projects'),
      external_id: "'session-' || i",
      status: "(array['active', 'idle', 'completed', 'completed'])[i % 4 + 1]",
      message_count: '3',
      last_seq: '3',
      turn_count: '2',
      last_extracted_turn: 'i % 3',
      last_message_at: 'now() - make_interval(hours => i)',
      completed_at: 'case when i % 4 > 1 then now() - make_interval(hours => i) end',
      ...created,
    },
  },
  {
    table: 'messages',
    values: {
      ...own('messages'),
      session_id: ref('sessions'),
      seq: `${place('sessions')} + 1`,
      role: "'user'",
      content: "'Hello ' || i",
      token_count: '10',
      ...created,
    },
  },
  {
    table: 'attachments',
    values: {
      ...own('attachments'),
      message_id: ref('messages'),
      filename: "'a'",
      original_filename: "'a'",
      file_type: "'image'",
      mime_type: "'image/png'",
      file_size: '1',
      file_path: "'/a/' || i",
    },
  },
  {
    table: 'checkpoints',
    values: {
      ...own('checkpoints'),
      session_id: ref('sessions'),
      agent_id: ref('agents'),
      turn_index: place('sessions'),
    },
  },
  {
    table: 'memories',
    values: {
      ...own('memories'),
      agent_id: ref('agents'),
      user_id: ref('users'),
      session_id: ref('sessions'),
      content: "'The user likes number ' || i || '.'",
      content_hash: sha256,
      category: "'preference'",
      embedding: vector(384),
      expires_at: 'case when i % 20 = 0 then now() - make_interval(mins => i) end',
      ...created,
    },
  },
  { table: 'memory_usage', values: { memory_id: ref('memories'), retrieval_count: 'i % 50' } },
  {
    table: 'memory_votes',
    values: {
      ...own('memory_votes'),
      memory_id: ref('memories'),
      user_id: ref('users'),
      vote: "case when i % 3 = 0 then 'negative' else 'positive' end",
    },
  },
  {
    table: 'memory_versions',
    values: {
      ...own('memory_versions'),
      memory_id: ref('memories'),
      version_num: `${place('memories')} + 1`,
      operation: "'create'",
      content: "'A memory.'",
      category: "'preference'",
      status: "'active'",
      tier: "'warm'",
      importance: '5',
      confidence: '0.8',
      metadata: "'{}'",
      changed_by_type: "'system'",
    },
  },
  {
    table: 'memory_relationships',
    values: {
      ...own('memory_relationships'),
      source_id: ref('memories'),
      target_id: ref('memories', 'i + 1'),
      relation_type: "'supports'",
    },
  },
  {
    table: 'memory_tombstones',
    values: { ...own('memory_tombstones'), content_hash: "encode(sha256(('erased' || i)::bytea), 'hex')" },
  },
  {
    table: 'embedding_models',
    values: { ...own('embedding_models'), name: "'model-' || i", dimension: '384' },
  },
  { table: 'memory_tags', values: { memory_id: ref('memories'), tag: `'tag-' || ${place('memories')}` } },
  { table: 'memory_reembeddings', values: { ...own('memory_reembeddings'), ...cancelled } },
  { table: 'memory_embeddings_staged', values: { memory_id: ref('memories'), ...staged } },
  {
    table: 'rag_documents',
    values: {
      ...own('rag_documents'),
      document_id: "'document-' || i / 4",
      chunk_index: 'i % 4',
      total_chunks: '4',
      content: "'We keep word' || i % 100 || ' and postgres.'",
      content_hash: sha256,
      embedding: `case when i < 200 then ${vector(1536)} end`,
      ...created,
    },
  },
  {
    table: 'agent_executions',
    values: {
      ...own('agent_executions'),
      execution_id: "'execution-' || i",
      agent_id: ref('agents'),
      agent_name: "'Agent'",
      prompt: "'Do it.'",
      status: "case when i % 100 = 0 then 'running' else 'completed' end",
      duration_ms: 'i % 900',
      ...created,
    },
  },
  {
    table: 'tool_executions',
    values: {
      ...own('tool_executions'),
      correlation_id: "'request-' || i / 3",
      tool_name: "'tool-' || i % 9",
      agent_id: ref('agents'),
      user_id: ref('users'),
      status: "case when i % 100 = 0 then 'running' else 'completed' end",
      duration_ms: 'i % 900',
      ...created,
    },
  },
  {
    table: 'llm_round_table_results',
    values: {
      result_id: "'result-' || i",
      prompt: "'Who?'",
      task_category: "'category-' || i % 20",
      winner_provider: "'provider-' || i % 5",
      winner_response: "'Me.'",
      ...created,
    },
  },
  {
    table: 'audit_logs',
    values: {
      ...own('audit_logs'),
      action: "'action-' || i % 20",
      actor: "'actor-' || i % 200",
      project_id: ref('projects'),
      ...created,
    },
  },
  {
    table: 'products',
    values: {
      ...own('products'),
      sku: "'sku-' || i",
      name: "'A product'",
      category: "'category-' || i % 20",
      price: '9.90',
      inventory_quantity: '100',
      status: "'published'",
      ...created,
    },
  },
  {
    table: 'orders',
    values: {
      ...own('orders'),
      order_number: "'order-' || i",
      user_id: ref('users'),
      subtotal: '9.90',
      total_price: '9.90',
      ...created,
    },
  },
  {
    table: 'order_items',
    values: {
      ...own('order_items'),
      order_id: ref('orders'),
      seq: `${place('orders')} + 1`,
      product_id: ref('products'),
      sku: "'sku'",
      name: "'A product'",
      quantity: '1',
      unit_price: '9.90',
    },
  },
  {
    table: 'point_accounts',
    values: {
      ...own('point_accounts'),
      user_id: ref('users'),
      balance: '300',
      lifetime_earned: '300',
      version: '3',
    },
  },
  {
    table: 'points_ledger',
    values: {
      ...own('points_ledger'),
      user_id: ref('users'),
      version: `${place('users')} + 1`,
      change_type: "'earn'",
      direction: "'credit'",
      amount: '100',
      balance_after: `(${place('users')} + 1) * 100`,
      biz_type: "'gift'",
      event_id: "'event-' || i",
      ...created,
    },
  },
  ...erasureFills,
]
