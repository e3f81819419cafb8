import type { Kysely } from 'kysely'
import { jsonObject, oneOf } from '../src/migration/columns.ts'
import { createTenantRoot } from '../src/migration/create-tenant-table.ts'

/** Creates the tenants. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantRoot(db, 'ibex_core.organizations', {
    comment: 'A customer: the tenant that every other row belongs to.',
    softDelete: true,
    columns: {
      name: { type: 'text' },
      slug: {
        type: 'text',
        check: (slug) => `${slug} ~ '^[a-z0-9-]+$'`,
        comment: 'The name in URLs; unique among all organizations.',
      },
      tier: oneOf(['free', 'pro', 'enterprise'], { value: 'free', comment: 'What the customer pays for.' }),
      status: oneOf(['active', 'suspended', 'cancelled', 'trial'], {
        value: 'active',
        comment: 'Only active and trial organizations are served.',
      }),
      custom_token_quota_monthly: {
        type: 'bigint',
        optional: true,
        comment: 'Tokens a month; null for what the tier gives.',
      },
      custom_memory_quota: {
        type: 'bigint',
        optional: true,
        comment: 'Memories at most; null for what the tier gives.',
      },
      custom_agent_quota: {
        type: 'integer',
        optional: true,
        comment: 'Agents at most; null for what the tier gives.',
      },
      stripe_customer_id: { type: 'text', optional: true },
      billing_email: { type: 'text', optional: true },
      billing_cycle_anchor: {
        type: 'date',
        optional: true,
        comment: 'The day on which billing months begin.',
      },
      embedding_model: {
        type: 'text',
        default: "'all-MiniLM-L6-v2'",
        comment: 'The model that embeds the memories of this organization.',
      },
      embedding_dim: { type: 'integer', default: '384', comment: 'The dimension of that model.' },
      settings: jsonObject(),
    },
    unique: [['slug'], ['stripe_customer_id']],
    tenantMayUpdate: ['name', 'billing_email', 'embedding_model', 'embedding_dim', 'settings'],
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.organizations').execute()
}
