import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { addTenantForeignKey } from '../src/migration/references.ts'

/** Completes agents: their team, and the personas that they take on. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await addTenantColumn(db, 'ibex_core.agents', 'team_id', {
    type: 'uuid',
    optional: true,
    comment: 'The team whose skills it shares and whose retention it keeps.',
  })
  await addTenantForeignKey(db, 'ibex_core.agents', {
    columns: ['team_id'],
    table: 'ibex_core.teams',
    onDelete: 'set null',
  })
  await createTenantTable(db, 'ibex_core.roles', {
    comment: 'A persona that an agent can take on.',
    columns: {
      name: textOfLength(1, 50),
      description: textOfLength(0, 255, { optional: true }),
    },
    unique: [['name']],
  })
  await createTenantTable(db, 'ibex_core.prompt_templates', {
    comment: 'A prompt of a persona.',
    columns: {
      role_id: { type: 'uuid' },
      name: textOfLength(1, 100),
      content: { type: 'text' },
      is_default: { type: 'boolean', default: 'false' },
    },
    unique: [['role_id', 'name']],
    references: [{ columns: ['role_id'], table: 'ibex_core.roles', onDelete: 'cascade', index: false }],
  })
}

/** Drops the tables and the column. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.prompt_templates').execute()
  await db.schema.dropTable('ibex_core.roles').execute()
  await dropTenantColumn(db, 'ibex_core.agents', 'team_id')
}
