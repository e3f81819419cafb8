/** Indexes of tenant tables: they lead with the tenant, and their names say what they hold. */
import { MigrationError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import type { TableName } from './names.ts'
import { objectName, parseTableName, quoteIdentifier } from './names.ts'

/** What an index holds. */
export interface IndexDefinition {
  /**
   * Columns after `org_id`, which is put in front: `'agent_id'`, `'created_at desc'`. An expression comes with the name
   * that stands for it: `{ name: 'email', expression: 'lower(email)' }`.
   */
  readonly columns: readonly (string | IndexExpression)[]
  /** Leaves rows out: `deleted_at is null`. A query uses the index only when it says the same. */
  readonly where?: string
  /** `true` when two rows of one tenant may not agree in all columns. */
  readonly unique?: boolean
  /** With `unique`: two nulls count as equal. */
  readonly nullsNotDistinct?: boolean
  /** The method, `btree` by default. `hnsw` cannot lead with the tenant. */
  readonly using?: 'btree' | 'gin' | 'hnsw'
  /**
   * Leaves `org_id` out: the default but for btree, where it is for a query of the system role, and never for a unique one. A
   * `gin` index leads with the tenant where this is `false`, which takes the extension `btree_gin`; its search then reads what
   * is the tenant's, not what all tenants have of a word.
   */
  readonly acrossTenants?: boolean
  /** A name of its own, where the columns' names together are longer than 63 characters. */
  readonly name?: string
}

/** An expression of an index, and the name that stands for it in the index's name. */
export interface IndexExpression {
  readonly name: string
  readonly expression: string
}

/**
 * Creates an index on a tenant table.
 *
 * ```sql
 * create index agents_org_id_created_at_idx on ibex_core.agents (org_id, created_at desc)
 * create unique index users_org_id_email_key on ibex_core.users (org_id, lower(email)) where deleted_at is null
 * ```
 *
 * Under row-level security an index serves only operators that are leakproof (uuid, text, numbers, times): not `@@`,
 * `@>`, `like`, enums, numeric.
 *
 * @throws {MigrationError} when it is unique and would reach across tenants: the error would tell one of the other.
 */
export async function createTenantIndex(
  db: MigrationHandle,
  table: string,
  definition: IndexDefinition,
): Promise<void> {
  const { unique = false, using = 'btree', acrossTenants = using !== 'btree' } = definition
  if (unique && acrossTenants) {
    throw new MigrationError(`a unique index on "${table}" must lead with org_id`)
  }
  await createIndex(db, parseTableName(table), {
    ...definition,
    columns: acrossTenants ? definition.columns : ['org_id', ...definition.columns],
  })
}

/** Creates an index on a table that all tenants share. */
export async function createGlobalIndex(
  db: MigrationHandle,
  table: string,
  definition: Omit<IndexDefinition, 'acrossTenants'>,
): Promise<void> {
  await createIndex(db, parseTableName(table), definition)
}

async function createIndex(db: MigrationHandle, table: TableName, definition: IndexParts): Promise<void> {
  const name = quoteIdentifier(indexName(table, definition))
  await run(db, indexStatement(definition, { name, table: table.sql }))
}

type IndexParts = Omit<IndexDefinition, 'acrossTenants'>

/** The name that was given, or the one that says what the index holds. */
export function indexName(table: TableName, { columns, unique, name }: IndexParts): string {
  if (name !== undefined) return name
  const names = columns.map((column) => (typeof column === 'string' ? firstWord(column) : column.name))
  return objectName(table, names, unique === true ? 'key' : 'idx')
}

/** Where an index goes, quoted for SQL. */
export interface IndexPlace {
  readonly name: string
  readonly table: string
  readonly concurrently?: boolean
}

/** The statement that creates it. */
export function indexStatement(
  { columns, where, unique, nullsNotDistinct, using }: IndexParts,
  { name, table, concurrently }: IndexPlace,
): string {
  const parts = [
    `create ${unique === true ? 'unique ' : ''}index${concurrently === true ? ' concurrently' : ''}`,
    name,
    `on ${table} using ${using ?? 'btree'}`,
    `(${columns.map((column) => (typeof column === 'string' ? column : column.expression)).join(', ')})`,
  ]
  if (nullsNotDistinct === true) parts.push('nulls not distinct')
  if (where !== undefined) parts.push(`where ${where}`)
  return parts.join(' ')
}

function firstWord(column: string): string {
  return column.split(' ', 1)[0] ?? column
}
