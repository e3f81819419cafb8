import type { Kysely } from 'kysely'
import { sha256, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'

/** Creates the versions of directives. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.directive_versions', {
    comment: 'A version of the text of a directive. Append-only.',
    appendOnly: true,
    columns: {
      directive_id: { type: 'uuid' },
      version_num: {
        type: 'integer',
        check: (version) => `${version} >= 1`,
        comment: 'Counts from 1 per directive.',
      },
      content: textOfLength(1, 32_768),
      content_hash: sha256({ comment: 'SHA-256 of the content in 64 hexadecimal digits.' }),
      created_by: { type: 'uuid', optional: true, comment: 'The user who wrote it.' },
    },
    // the second key is what directives.active_version_id refers to
    unique: [
      ['directive_id', 'version_num'],
      ['directive_id', 'id'],
    ],
    references: [
      { columns: ['directive_id'], table: 'ibex_core.directives', onDelete: 'cascade', index: false },
      { columns: ['created_by'], table: 'ibex_core.users', onDelete: 'set null' },
    ],
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.directive_versions').execute()
}
