import type { Kysely } from 'kysely'
import { oneOf } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'

/** Creates the standing instructions of agents. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.directives', {
    comment: 'The standing instructions of an agent; their text is in directive_versions.',
    columns: {
      agent_id: { type: 'uuid' },
      active_version_id: {
        type: 'uuid',
        optional: true,
        comment: 'The version in use, one of this directive; null before the first.',
      },
      injection_mode: oneOf(['system_first', 'system_append', 'user_prepend'], {
        value: 'system_first',
        comment: 'Where the text goes in the prompt.',
      }),
      is_active: { type: 'boolean', default: 'true' },
    },
    unique: [['agent_id']],
    references: [{ columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade', index: false }],
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.directives').execute()
}
