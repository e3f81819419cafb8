/**
 * What migrations call, for tables of your own: `ibex-db/migration`. Re-exports only.
 *
 * @module
 */
export { createTenantTable } from './create-tenant-table.ts'
export type { AppendOnlyTable, ChangeableTable, TenantTableDefinition } from './create-tenant-table.ts'
export { createGlobalTable } from './create-global-table.ts'
export type { GlobalReference, GlobalTableDefinition } from './create-global-table.ts'
export type { TableCheck } from './create-table.ts'
export { addTenantColumn } from './add-tenant-column.ts'
export { dropTenantColumn } from './drop-tenant-column.ts'
export { checkIn, counter, jsonObject, oneOf, score, sha256, textList, textOfLength } from './columns.ts'
export type { Column, ColumnOptions, Columns } from './columns.ts'
export { createTenantIndex } from './indexes.ts'
export type { IndexDefinition, IndexExpression } from './indexes.ts'
export { addTenantForeignKey } from './references.ts'
export type { TenantReference } from './references.ts'
export { createSearchFunction, dropSearchFunction } from './search-function.ts'
export type { SearchFunction } from './search-function.ts'
export { createSchema, dropSchema } from './schema.ts'
export { allowFunction, describeFunction } from './sql-functions.ts'
export { withoutForce } from './without-force.ts'
export { migrateToLatest, migrationTableSchema, withMigrator } from './migrate.ts'
export type { MigrateOptions } from './migrate.ts'
export { migrationDialect } from './migration-dialect.ts'
export type { MigrationConnectionOptions } from './migration-dialect.ts'
export { dumpSchema } from './dump-schema.ts'
export type { MigrationHandle } from './handle.ts'
