import type { Kysely } from 'kysely'
import { addTenantForeignKey } from '../src/migration/references.ts'

/** Keeps the active version of a directive within the same directive, by a key that holds the directive's own id. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await addTenantForeignKey(db, 'ibex_core.directives', {
    columns: ['id', 'active_version_id'],
    table: 'ibex_core.directive_versions',
    targetColumns: ['directive_id', 'id'],
    onDelete: 'set null',
    setNull: ['active_version_id'],
    index: false,
  })
}

/** Drops the foreign key. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('ibex_core.directives')
    .dropConstraint('directives_org_id_id_active_version_id_fkey')
    .execute()
}
