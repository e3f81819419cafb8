/**
 * Types and table definitions from a live database: `ibex-db/codegen`. Re-exports only.
 *
 * @module
 */
export { generateTypes } from './generate-types.ts'
export type { GenerateTypesOptions, GeneratedFiles } from './generate-types.ts'
export type { JsonTypeName } from './describe-schema.ts'
export { findDrift, writeFiles } from './generated-file.ts'
export type { GeneratedFile } from './generated-file.ts'
