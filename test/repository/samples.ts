/** A table with a column of every type that is awkward to write. */
import type { ColumnType, Generated, Kysely } from 'kysely'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { TableDefinition } from '../../src/repository/table-definition.ts'
import type { Scope } from '../../src/tenancy/scope.ts'
import type { DB, JsonValue } from '../../types/database.d.ts'

/** Creates it. */
export async function createSamples<D>(db: Kysely<D>): Promise<void> {
  await createTenantTable(db, 'public.samples', {
    comment: 'A row with awkward values.',
    columns: {
      label: { type: 'varchar(10)', default: "'none'" },
      fixed: { type: 'char(4)', optional: true },
      bits: { type: 'bit(3)', optional: true },
      texts: { type: 'text[]', default: "'{default}'" },
      labels: { type: 'varchar(10)[]', default: "'{}'" },
      uuids: { type: 'uuid[]', optional: true },
      object: { type: 'jsonb', default: "'{}'" },
      anything: { type: 'jsonb', optional: true },
      amount: { type: 'numeric(10,2)', default: '0' },
      amounts: { type: 'numeric(10,2)[]', default: "'{}'" },
      big: { type: 'bigint', optional: true },
      flag: { type: 'boolean', default: 'false' },
      bytes: { type: 'bytea', optional: true },
      day: { type: 'date', optional: true },
      moment: { type: 'timestamptz', default: 'now()' },
      shouted: { type: 'text', generated: 'upper(label)', optional: true },
    },
  })
}

interface Samples {
  org_id: ColumnType<string, string | undefined, never>
  id: ColumnType<string, string | undefined, never>
  label: Generated<string>
  fixed: ColumnType<string | null, string | null | undefined>
  bits: ColumnType<string | null, string | null | undefined>
  texts: ColumnType<(string | null)[], readonly (string | null)[] | undefined>
  labels: Generated<string[]>
  uuids: ColumnType<string[] | null, readonly string[] | null | undefined>
  object: ColumnType<JsonValue, JsonValue | undefined>
  anything: ColumnType<JsonValue | null, JsonValue | undefined>
  amount: Generated<string>
  amounts: ColumnType<string[], readonly string[] | undefined, readonly string[]>
  big: ColumnType<string | null, string | bigint | null | undefined>
  flag: Generated<boolean>
  bytes: ColumnType<Buffer | null, Buffer | null | undefined>
  day: ColumnType<string | null, string | null | undefined>
  moment: ColumnType<Date, Date | string | undefined>
  shouted: ColumnType<string | null, never, never>
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

/** A database with the table. */
export interface SamplesDB extends DB {
  'public.samples': Samples
}

const samples = {
  name: 'public.samples',
  columns: {
    org_id: 'uuid',
    id: 'uuid',
    label: 'character varying(10)',
    fixed: 'character(4)',
    bits: 'bit(3)',
    texts: 'text[]',
    labels: 'character varying(10)[]',
    uuids: 'uuid[]',
    object: 'jsonb',
    anything: 'jsonb',
    amount: 'numeric(10,2)',
    amounts: 'numeric(10,2)[]',
    big: 'bigint',
    flag: 'boolean',
    bytes: 'bytea',
    day: 'date',
    moment: 'timestamp with time zone',
    shouted: 'text',
    created_at: 'timestamp with time zone',
    updated_at: 'timestamp with time zone',
  },
  primaryKey: ['org_id', 'id'],
  tenantColumn: 'org_id',
  softDeleteColumn: null,
  generatedColumns: ['shouted'],
  nullableColumns: ['fixed', 'bits', 'uuids', 'anything', 'big', 'bytes', 'day', 'shouted'],
} as const satisfies TableDefinition

/** Its repository. */
export class SampleRepository extends BaseRepository<SamplesDB, 'public.samples'> {
  constructor(scope: Scope<SamplesDB>) {
    super(scope, samples)
  }
}
