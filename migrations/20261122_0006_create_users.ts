import type { Kysely } from 'kysely'
import { jsonObject, oneOf } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the people of an organization. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.users', {
    comment: 'A person of an organization.',
    softDelete: true,
    columns: {
      email: {
        type: 'text',
        check: (email) => `${email} ~ '^[^@[:space:]]+@[^@[:space:]]+$'`,
        comment: 'Unique among the living users of the organization, whatever the case.',
      },
      username: { type: 'text', optional: true },
      name: { type: 'text', optional: true },
      password_hash: { type: 'text', optional: true, comment: 'Null for who signs in through sso_provider.' },
      role: oneOf(['owner', 'admin', 'member', 'viewer', 'customer'], { value: 'member' }),
      status: oneOf(['active', 'invited', 'suspended', 'deactivated'], { value: 'active' }),
      is_verified: {
        type: 'boolean',
        default: 'false',
        comment: 'The person proved to own the email address.',
      },
      sso_provider: { type: 'text', optional: true },
      sso_subject: { type: 'text', optional: true, comment: 'The id of the person at sso_provider.' },
      avatar_url: { type: 'text', optional: true },
      settings: jsonObject(),
      metadata: jsonObject(),
      last_login_at: { type: 'timestamptz', optional: true },
    },
    unique: [['username']],
  })
  await createTenantIndex(db, 'ibex_core.users', {
    columns: [{ name: 'email', expression: 'lower(email)' }],
    where: 'deleted_at is null',
    unique: true,
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.users').execute()
}
