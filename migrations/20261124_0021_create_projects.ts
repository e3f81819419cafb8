import type { Kysely } from 'kysely'
import { oneOf, textList, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { createSearchFunction, dropSearchFunction } from '../src/migration/search-function.ts'

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
  await createCanonSearch(db)
}

/** Drops the search and the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await dropSearchFunction(db, 'ibex_core.search_canon_items', 'ibex_core.canon_items')
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
      // a tsvector has room for 1 MB: a longer text would fail with an error about its words
      body: textOfLength(0, 100_000),
      tags: textList(),
      terms: textOfLength(1, 10_000, { optional: true, comment: 'Further words to find it by.' }),
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
  await createTenantIndex(db, 'ibex_core.canon_items', {
    columns: ['project_id', 'created_at desc', 'id desc'],
  })
  await createTenantIndex(db, 'ibex_core.canon_items', { columns: ['search_vector'], using: 'gin' })
}

async function createCanonSearch(db: Kysely<unknown>): Promise<void> {
  await createSearchFunction(db, 'ibex_core.search_canon_items', {
    table: 'ibex_core.canon_items',
    columns: [
      'org_id',
      'id',
      'project_id',
      'role_id',
      'type',
      'tags',
      'is_active',
      'created_at',
      'search_vector',
    ],
    parameters:
      'query text, project uuid, persona uuid, any_type text[], any_tag text[], active_only boolean, most integer',
    returns: 'id uuid',
    query: `select item.id from ibex_core.canon_items as item
    where item.org_id = tenant and item.project_id = project
      and item.search_vector @@ websearch_to_tsquery('pg_catalog.english', query)
      and (persona is null or item.role_id = persona or item.role_id is null)
      and (any_type is null or item.type = any (any_type))
      and (any_tag is null or item.tags && any_tag)
      and (item.is_active or not active_only)
    order by item.created_at desc, item.id desc limit most`,
    comment: 'Finds the canon items of a project whose title, body or terms match, newest first.',
  })
}
