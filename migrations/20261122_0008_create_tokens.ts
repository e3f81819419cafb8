import type { Kysely } from 'kysely'
import { counter, oneOf, sha256 } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the access tokens. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.tokens', {
    comment: 'An access token. Only the SHA-256 of the secret is stored.',
    columns: {
      user_id: { type: 'uuid', optional: true, comment: 'The user that the token acts for.' },
      agent_id: { type: 'uuid', optional: true, comment: 'The agent that the token acts for.' },
      type: oneOf(['pat', 'org_token', 'service_token', 'marketplace']),
      hash: sha256({ comment: 'SHA-256 of the secret in 64 hexadecimal digits.' }),
      prefix: { type: 'text', comment: 'The first characters of the secret, to recognize it by.' },
      name: { type: 'text' },
      description: { type: 'text', optional: true },
      permissions: { type: 'bigint', default: '0', comment: 'A bitmap.' },
      expires_at: { type: 'timestamptz', optional: true, comment: 'Null for a token that does not expire.' },
      is_revoked: { type: 'boolean', default: 'false' },
      revoked_at: { type: 'timestamptz', optional: true },
      revoked_by: { type: 'uuid', optional: true, comment: 'The user who revoked it.' },
      revoke_reason: { type: 'text', optional: true },
      last_used_at: { type: 'timestamptz', optional: true },
      last_used_ip: { type: 'inet', optional: true },
      use_count: counter('bigint'),
      allowed_ips: { type: 'inet[]', default: "'{}'", comment: 'Empty allows every address.' },
    },
    unique: [['hash']],
    references: [
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade' },
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade' },
      { columns: ['revoked_by'], table: 'ibex_core.users', onDelete: 'set null' },
    ],
  })
  // whoever shows a token has no tenant yet: the system role finds it by its hash
  await createTenantIndex(db, 'ibex_core.tokens', { columns: ['hash'], acrossTenants: true })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.tokens').execute()
}
