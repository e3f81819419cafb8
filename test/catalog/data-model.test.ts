/** The live catalogue has everything that was designed: no table, column, key, check or index of it is missing. */
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { type CatalogTable, readCatalog } from './data-model-catalog.ts'
import type { Requirement } from './data-model-checks.ts'
import { expectedColumns } from './data-model-columns.ts'
import { dataModel } from './data-model-expectations.ts'
import { requirementsOf } from './data-model-requirements.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await setup()
})

afterAll(async () => {
  await database.close()
})

test('is what was designed', async () => {
  expect(await differences(database.admin)).toEqual([])
})

/** What the database lacks, one sentence each. */
async function differences<DB>(db: Kysely<DB>): Promise<string[]> {
  const catalog = await readCatalog(db)
  return await unmet(db, allRequirements(catalog))
}

function allRequirements(catalog: ReadonlyMap<string, CatalogTable>): Requirement[] {
  return Object.entries(dataModel).flatMap(([name, expected]) => {
    const table = catalog.get(name)
    if (table !== undefined) return requirementsOf(expected, table)
    return [{ holds: false, otherwise: `${name}: there is no such table` }]
  })
}

async function unmet<DB>(db: Kysely<DB>, requirements: readonly Requirement[]): Promise<string[]> {
  const answers = requirements.map(({ holds }) => (typeof holds === 'boolean' ? sql.lit(holds) : holds))
  const { rows } = await sql<{ holds: boolean[] }>`select array[${sql.join(answers)}] as holds`.execute(db)
  return requirements.filter((_, index) => rows[0]?.holds[index] !== true).map(({ otherwise }) => otherwise)
}

/** What is said after a change of the schema, which is taken back. */
async function differencesAfter(change: string): Promise<string[]> {
  let found: string[] = []
  const changed = database.admin.transaction().execute(async (trx) => {
    await sql.raw(change).execute(trx)
    found = await differences(trx)
    throw new Error('rolled back on purpose')
  })
  await expect(changed).rejects.toThrow('rolled back on purpose')
  return found
}

test('names each column, key, reference and index that a table could lack', async () => {
  const catalog = await readCatalog(database.admin)
  for (const [name, expected] of Object.entries(dataModel)) {
    const table = catalog.get(name)
    if (table === undefined) throw new Error(`there is no table ${name}`)
    const said = (lacking: Partial<CatalogTable>): string[] =>
      requirementsOf(expected, { ...table, ...lacking })
        .filter(({ holds }) => holds === false)
        .map(({ otherwise }) => otherwise)
    for (const { name: column } of expectedColumns(expected)) {
      const columns = Object.fromEntries(Object.entries(table.columns).filter(([other]) => other !== column))
      expect(said({ columns })).toEqual([`${name}.${column}: there is no such column`])
    }
    const { unique = [], references = {}, indexes = {}, kind } = expected
    expect(said({ keys: [] })).toHaveLength(1 + unique.length)
    expect(said({ references: [] })).toHaveLength(
      Object.keys(references).length + (kind === undefined ? 1 : 0),
    )
    expect(said({ indexes: [] })).toHaveLength(Object.keys(indexes).length)
  }
})

/** Changes of the schema, and what is said after each. */
const changes: readonly (readonly [what: string, change: string, expected: readonly string[]])[] = [
  [
    'a table is dropped',
    'drop table ibex_core.prompt_templates',
    ['prompt_templates: there is no such table'],
  ],
  [
    'a partition is detached',
    'alter table ibex_core.memories detach partition ibex_core.memories_p07',
    ['memories: has 15 partitions instead of 16'],
  ],
  [
    'a column is dropped',
    'alter table ibex_core.sessions drop column title',
    ['sessions.title: there is no such column'],
  ],
  [
    'a column is dropped with its key',
    'alter table ibex_core.projects drop column slug',
    ['projects.slug: there is no such column', 'projects: there is no key (org_id, slug)'],
  ],
  [
    'a column is renamed',
    'alter table ibex_core.messages rename column content to body',
    ['messages.content: there is no such column'],
  ],
  [
    'a column gets another type',
    'alter table ibex_core.attachments alter column file_size type integer',
    ['attachments.file_size: is integer, not bigint'],
  ],
  [
    'a column may be null',
    'alter table ibex_core.messages alter column content drop not null',
    ['messages.content: may be null'],
  ],
  [
    'a column may not be null',
    'alter table ibex_core.agents alter column created_by set not null',
    ['agents.created_by: may not be null'],
  ],
  [
    'a column gets another default',
    "alter table ibex_core.users alter column role set default 'viewer'",
    ["users.role: has the default 'viewer'::text instead of member"],
  ],
  [
    'a column loses its default',
    'alter table ibex_core.memories alter column confidence drop default',
    ['memories.confidence: has no default instead of 0.8'],
  ],
  [
    'a JSON column gets another default',
    `alter table ibex_core.agents alter column boundaries set default '{"max_autonomy": "ask"}'`,
    [
      `agents.boundaries: has the default '{"max_autonomy": "ask"}'::jsonb instead of {"max_autonomy":"execute","max_tool_calls_per_turn":10}`,
    ],
  ],
  [
    'the tenant loses its default',
    'alter table ibex_core.roles alter column org_id drop default',
    ['roles.org_id: has no default instead of ibex_core.current_org_id()'],
  ],
  [
    'a list of values is dropped',
    'alter table ibex_core.canon_items drop constraint canon_items_type_check',
    ['canon_items.type: takes "none of these"'],
  ],
  [
    'a list of values gets shorter',
    `alter table ibex_core.orders drop constraint orders_status_check,
      add check (status in ('pending', 'completed', 'cancelled'))`,
    ['orders.status: refuses "processing"'],
  ],
  [
    'a length is extended',
    `alter table ibex_core.memories drop constraint memories_content_check,
      add check (char_length(content) between 1 and 9000)`,
    ['memories.content: takes 8193 characters'],
  ],
  [
    'a check is not enforced for the rows that are there',
    `alter table ibex_core.attachments drop constraint attachments_file_size_check,
      add check (file_size >= 0) not valid`,
    ['attachments.file_size: takes "-1"'],
  ],
  [
    'the check of a score is dropped',
    'alter table ibex_core.memory_usage drop constraint memory_usage_usefulness_score_check',
    ['memory_usage.usefulness_score: takes "-0.1"', 'memory_usage.usefulness_score: takes "1.1"'],
  ],
  [
    'the check of a JSON object is dropped',
    'alter table ibex_core.teams drop constraint teams_settings_check',
    ['teams.settings: takes "[]"'],
  ],
  [
    'a check of two columns is dropped',
    'alter table ibex_core.point_accounts drop constraint point_accounts_frozen_balance_balance_check',
    ['point_accounts.frozen_balance, balance: takes "3" with "2"'],
  ],
  [
    'a key is dropped',
    'alter table ibex_core.points_ledger drop constraint points_ledger_org_id_event_id_key',
    ['points_ledger: there is no key (org_id, event_id)'],
  ],
  [
    'a key holds for deleted rows too, and for nulls not',
    `drop index ibex_core.memories_org_id_agent_id_content_hash_key;
    create unique index on ibex_core.memories (org_id, agent_id, content_hash)`,
    [
      "memories: there is no key (org_id, agent_id, content_hash nulls not distinct where ((status = 'active'::text) AND (deleted_at IS NULL)))",
    ],
  ],
  [
    'a reference is dropped',
    'alter table ibex_core.canon_items drop constraint canon_items_org_id_role_id_fkey',
    [
      'canon_items: there is no FOREIGN KEY (org_id, role_id) REFERENCES ibex_core.roles(org_id, id) ON DELETE SET NULL (role_id)',
    ],
  ],
  [
    'a reference refuses where it cascaded',
    `alter table ibex_core.attachments drop constraint attachments_org_id_message_id_fkey,
      add foreign key (org_id, message_id) references ibex_core.messages (org_id, id)`,
    [
      'attachments: there is no FOREIGN KEY (org_id, message_id) REFERENCES ibex_core.messages(org_id, id) ON DELETE CASCADE',
    ],
  ],
  [
    'a reference empties the tenant too',
    `alter table ibex_core.orders drop constraint orders_org_id_user_id_fkey,
      add foreign key (org_id, user_id) references ibex_core.users (org_id, id) on delete set null`,
    [
      'orders: there is no FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (user_id)',
    ],
  ],
  [
    'an index is dropped',
    'drop index ibex_core.tool_executions_org_id_created_at_tool_name_idx',
    [
      'tool_executions: there is no index btree org_id, created_at, tool_name for statistics by time and tool',
    ],
  ],
  [
    'an index leaves rows out',
    `drop index ibex_core.memory_tags_org_id_tag_idx;
    create index on ibex_core.memory_tags (org_id, tag) where tag <> ''`,
    ['memory_tags: there is no index btree org_id, tag for the memories of a tag'],
  ],
  [
    'a vector index is dropped',
    'drop index ibex_core.rag_documents_embedding_idx',
    ['rag_documents: there is no index hnsw embedding vector_cosine_ops for vector search'],
  ],
  [
    'the owner is held by no policy',
    'alter table ibex_core.tokens no force row level security',
    ['tokens: row-level security is not on for everybody'],
  ],
  [
    'a policy is dropped',
    'drop policy roles_tenant_isolation on ibex_core.roles',
    ['roles: has no policy for tenants'],
  ],
  [
    'rows that are only added can be changed',
    'drop trigger audit_logs_refuse_change on ibex_core.audit_logs',
    [
      'audit_logs: there is no trigger refuse_change on update',
      'audit_logs: there is no trigger refuse_change on delete',
    ],
  ],
  [
    'a trigger is disabled',
    'alter table ibex_core.memories disable trigger memories_write_version_of_changed',
    ['memories: there is no trigger write_memory_version on update'],
  ],
  [
    'a tenant gets a right to delete what is only added',
    'grant delete on ibex_core.audit_logs to ibex_app',
    ['audit_logs: rows can be changed by a tenant'],
  ],
  [
    'a tenant gets a right to write what all share',
    'grant insert on ibex_core.llm_models to ibex_app',
    ['llm_models: is not only read by tenants'],
  ],
  ['a comment is taken away', 'comment on table ibex_core.products is null', ['products: has no comment']],
]

test.each(changes)('says what is missing after %s', async (_, change, expected) => {
  expect(await differencesAfter(change)).toEqual(expected)
})
