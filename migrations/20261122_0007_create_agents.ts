import type { Kysely } from 'kysely'
import { counter, jsonObject, oneOf, textList } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the agents. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.agents', {
    comment: 'An AI agent of an organization. Its effective skills are (shared + custom) without disabled.',
    softDelete: true,
    columns: {
      created_by: { type: 'uuid', optional: true, comment: 'The user who created the agent.' },
      name: { type: 'text' },
      slug: {
        type: 'text',
        comment: 'The name in URLs; unique among the living agents of the organization.',
      },
      tagline: { type: 'text', optional: true },
      avatar_emoji: { type: 'text', optional: true },
      status: oneOf(['draft', 'active', 'paused', 'suspended', 'archived'], { value: 'draft' }),
      config: jsonObject(),
      metadata: jsonObject(),
      personality: jsonObject(),
      model_config: jsonObject(
        { model_name: 'default', temperature: 0.7, max_output_tokens: 4096 },
        {
          comment:
            'Which language model answers and how; model_name "default" leaves the choice to the service.',
        },
      ),
      memory_config: jsonObject(
        {
          token_budget: 2000,
          auto_extract: true,
          auto_pin_preferences: true,
          summarize_interval: 20,
          retrieval_weights: {
            relevance: 0.4,
            recency: 0.25,
            usefulness: 0.2,
            confidence: 0.1,
            frequency: 0.05,
          },
        },
        { comment: 'How memories are extracted and searched; the weights add up to 1.' },
      ),
      boundaries: jsonObject(
        { max_autonomy: 'execute', max_tool_calls_per_turn: 10 },
        { comment: 'What the agent may do without asking.' },
      ),
      shared_skill_names: textList(),
      custom_skill_names: textList(),
      disabled_skill_names: textList(),
      tags: textList(),
      total_sessions: counter(),
      total_memories: counter(),
      total_tokens_used: counter('bigint'),
      last_active_at: { type: 'timestamptz', optional: true },
    },
    references: [{ columns: ['created_by'], table: 'ibex_core.users', onDelete: 'set null' }],
  })
  await createTenantIndex(db, 'ibex_core.agents', {
    columns: ['slug'],
    where: 'deleted_at is null',
    unique: true,
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.agents').execute()
}
