import type { Kysely } from 'kysely'
import { textOfLength } from '../src/migration/columns.ts'
import { createGlobalTable } from '../src/migration/create-global-table.ts'

/** Creates the catalogue of language models, which all tenants read and the system role writes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createGlobalTable(db, 'ibex_core.llm_providers', {
    comment: 'A company whose language models can be used. Shared by all organizations.',
    softDelete: true,
    columns: { name: textOfLength(1, 50) },
    unique: [['name']],
  })
  await createGlobalTable(db, 'ibex_core.llm_models', {
    comment: 'A language model that can be used. Shared by all organizations.',
    softDelete: true,
    columns: {
      provider_id: { type: 'uuid' },
      model_code: textOfLength(1, 100, { comment: 'What the provider calls the model.' }),
      request_url: { type: 'text', comment: 'Where requests go.' },
      context_window: {
        type: 'integer',
        check: (tokens) => `${tokens} >= 1`,
        comment: 'Tokens of prompt and answer together, at most.',
      },
    },
    unique: [['model_code']],
    references: [{ column: 'provider_id', table: 'ibex_core.llm_providers', onDelete: 'no action' }],
  })
}

/** Drops the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.llm_models').execute()
  await db.schema.dropTable('ibex_core.llm_providers').execute()
}
