import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { jsonObject, oneOf, textList } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

const userKey = {
  where: 'deleted_at is null',
  unique: true,
  name: 'users_org_id_email_key',
} as const

/** Completes identity: teams with their members, and an email look-up that row-level security leaves its index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // lower() is not leakproof, so under a policy "lower(email) = $1" reads all users of the tenant; a column of its own does not
  await addTenantColumn(db, 'ibex_core.users', 'email_lower', {
    type: 'text',
    generated: 'lower(email)',
    comment: 'The email address in lower case, to look it up by.',
  })
  await sql`drop index ibex_core.users_org_id_email_key`.execute(db)
  await createTenantIndex(db, 'ibex_core.users', { columns: ['email_lower'], ...userKey })
  await createTeams(db)
}

/** Drops the tables and the column. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.team_memberships').execute()
  await db.schema.dropTable('ibex_core.teams').execute()
  await sql`drop index ibex_core.users_org_id_email_key`.execute(db)
  await createTenantIndex(db, 'ibex_core.users', {
    columns: [{ name: 'email', expression: 'lower(email)' }],
    where: 'deleted_at is null',
    unique: true,
  })
  await dropTenantColumn(db, 'ibex_core.users', 'email_lower')
}

async function createTeams(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.teams', {
    comment: 'People of an organization who share agents.',
    softDelete: true,
    columns: {
      name: { type: 'text' },
      slug: {
        type: 'text',
        check: (slug) => `${slug} ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'`,
        comment: 'The name in URLs; unique in the organization.',
      },
      owner_id: {
        type: 'uuid',
        comment: 'The user who answers for the team; always an owner among its members.',
      },
      settings: jsonObject(),
      shared_skill_names: textList({ comment: 'Skills that every agent of the team has.' }),
      webhook_url: { type: 'text', optional: true },
      webhook_secret: { type: 'text', optional: true, comment: 'What calls of webhook_url are signed with.' },
      conversation_retention_days: {
        type: 'integer',
        default: '90',
        check: (days) => `${days} >= 1`,
        comment: "Sessions of the team's agents are swept when they were silent for so many days.",
      },
    },
    unique: [['slug']],
    references: [{ columns: ['owner_id'], table: 'ibex_core.users', onDelete: 'no action' }],
  })
  await createTenantTable(db, 'ibex_core.team_memberships', {
    comment: 'A member of a team.',
    columns: {
      team_id: { type: 'uuid' },
      user_id: { type: 'uuid' },
      role: oneOf(['owner', 'admin', 'member', 'viewer'], { value: 'member' }),
    },
    unique: [['team_id', 'user_id']],
    references: [
      { columns: ['team_id'], table: 'ibex_core.teams', onDelete: 'cascade', index: false },
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade' },
    ],
  })
}
