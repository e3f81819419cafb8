/** The language models that every organization may use. */
import { sql } from 'kysely'
import type { Database } from '../../src/index.ts'

interface ProviderModels {
  readonly provider: string
  readonly url: string
  /** Tokens of the context window, by the provider's name of the model. */
  readonly models: Readonly<Record<string, number>>
}

const catalogue: readonly ProviderModels[] = [
  {
    provider: 'OpenAI',
    url: 'https://api.openai.com/v1/chat/completions',
    models: { 'gpt-4o': 128_000, 'gpt-4o-mini': 128_000 },
  },
  {
    provider: 'Anthropic',
    url: 'https://api.anthropic.com/v1/messages',
    models: { 'claude-3-5-sonnet-latest': 200_000, 'claude-3-5-haiku-latest': 200_000 },
  },
  {
    provider: 'Mistral',
    url: 'https://api.mistral.ai/v1/chat/completions',
    models: { 'mistral-large-latest': 128_000 },
  },
]

/** How many rows were missing. */
export interface SeededModels {
  readonly providers: number
  readonly models: number
}

/** Inserts the providers and models that are missing; what is there stays as it is. */
export async function seedModelCatalogue(database: Database): Promise<SeededModels> {
  return await database.asSystem('seed the catalogue of language models', async (system) => {
    return await system.transaction(async (trx) => {
      const providers = await trx
        .insertInto('ibex_core.llm_providers')
        .values(catalogue.map(({ provider }) => ({ name: provider })))
        .onConflict((conflict) => conflict.column('name').doNothing())
        .returning('id')
        .execute()
      const models = await sql<{ id: string }>`
        insert into ibex_core.llm_models (provider_id, model_code, request_url, context_window)
        select provider.id, code, url, tokens
        from unnest(${rows.map(({ provider }) => provider)}::text[], ${rows.map(({ code }) => code)}::text[],
          ${rows.map(({ url }) => url)}::text[], ${rows.map(({ tokens }) => tokens)}::int[]) as model (provider, code, url, tokens)
        join ibex_core.llm_providers as provider on provider.name = model.provider
        on conflict (model_code) do nothing returning id`.execute(trx)
      return { providers: providers.length, models: models.rows.length }
    })
  })
}

const rows = catalogue.flatMap(({ provider, url, models }) =>
  Object.entries(models).map(([code, tokens]) => ({ provider, url, code, tokens })),
)
