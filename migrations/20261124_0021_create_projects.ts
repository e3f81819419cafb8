import type { Kysely } from 'kysely'
import { oneOf, textList, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates projects, the personas that work in them, and what is settled in them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.projects', {
    comment: 'Something that an organization works on with its agents.',
    softDelete: true,
    columns: {
      name: textOfLength(1, 100),
      slug: textOfLength(1, 255, { comment: 'The key that APIs filter by; unique in the organization.' }),
      description: { type: 'text', optional: true },
      project_structure: {
        type: 'text',
        optional: true,
        comment: 'How the project is laid out, for prompts.',
      },
    },
    unique: [['name'], ['slug']],
  })
  await createTenantTable(db, 'ibex_core.project_roles', {
    comment: 'A persona that works in a project.',
    columns: { project_id: { type: 'uuid' }, role_id: { type: 'uuid' } },
    unique: [['project_id', 'role_id']],
    references: [
      { columns: ['project_id'], table: 'ibex_core.projects', onDelete: 'cascade', index: false },
      { columns: ['role_id'], table: 'ibex_core.roles', onDelete: 'cascade' },
    ],
  })
  await createCanonItems(db)
}

/** Drops the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.canon_items').execute()
  await db.schema.dropTable('ibex_core.project_roles').execute()
  await db.schema.dropTable('ibex_core.projects').execute()
}

async function createCanonItems(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.canon_items', {
    comment: 'Something that is settled in a project: a decision, a change, a task, a term.',
    columns: {
      project_id: { type: 'uuid' },
      role_id: { type: 'uuid', optional: true, comment: 'The persona that it is for; null for every one.' },
      type: oneOf(['ADR', 'CHANGELOG', 'BACKLOG', 'GLOSSARY', 'PMD']),
      title: textOfLength(1, 256),
      body: { type: 'text' },
      tags: textList(),
      terms: { type: 'text', optional: true, comment: 'Further words to find it by.' },
      is_active: { type: 'boolean', default: 'true' },
      search_vector: {
        type: 'tsvector',
        generated:
          "setweight(to_tsvector('pg_catalog.english', title || ' ' || coalesce(terms, '')), 'A') || to_tsvector('pg_catalog.english', body)",
        comment: 'The words of title, terms and body, for text search.',
      },
    },
    references: [
      { columns: ['project_id'], table: 'ibex_core.projects', onDelete: 'cascade', index: false },
      { columns: ['role_id'], table: 'ibex_core.roles', onDelete: 'set null' },
    ],
  })
  await createTenantIndex(db, 'ibex_core.canon_items', {
    columns: ['project_id', 'role_id', 'type', 'created_at desc'],
  })
  await createTenantIndex(db, 'ibex_core.canon_items', { columns: ['search_vector'], using: 'gin' })
}
