/** A user's own table, as a user writes it: migration, type, definition. */
import type { ColumnType, Generated, Kysely } from 'kysely'
import { oneOf, textList, textOfLength } from '../../src/migration/columns.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import type { TableDefinition } from '../../src/repository/table-definition.ts'
import type { DB } from '../../types/database.d.ts'

/** The migration. */
export async function createNotes<D>(db: Kysely<D>): Promise<void> {
  await createTenantTable(db, 'public.notes', {
    comment: 'Something that an agent wrote down.',
    softDelete: true,
    columns: {
      agent_id: { type: 'uuid', optional: true },
      title: textOfLength(1, 200),
      status: oneOf(['draft', 'published'], { value: 'draft' }),
      tags: textList(),
    },
    unique: [['title']],
    references: [{ columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade' }],
  })
}

/** The type of the table, by hand; `generateTypes` writes the same. */
export interface Notes {
  org_id: ColumnType<string, string | undefined, never>
  id: ColumnType<string, string | undefined, never>
  agent_id: string | null
  title: string
  status: Generated<'draft' | 'published'>
  tags: Generated<string[]>
  created_at: Generated<Date>
  updated_at: Generated<Date>
  deleted_at: ColumnType<Date | null, Date | null | undefined, Date | null>
}

/** The user's database: this package's tables and their own. */
export interface NotesDB extends DB {
  'public.notes': Notes
}

/** The definition, by hand; `generateTypes` writes the same. */
export const notes = {
  name: 'public.notes',
  columns: {
    org_id: 'uuid',
    id: 'uuid',
    agent_id: 'uuid',
    title: 'text',
    status: 'text',
    tags: 'text[]',
    created_at: 'timestamp with time zone',
    updated_at: 'timestamp with time zone',
    deleted_at: 'timestamp with time zone',
  },
  primaryKey: ['org_id', 'id'],
  tenantColumn: 'org_id',
  softDeleteColumn: 'deleted_at',
  generatedColumns: [],
  nullableColumns: ['agent_id', 'deleted_at'],
} as const satisfies TableDefinition
