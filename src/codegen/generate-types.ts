/** Generates the types and the manifest of a live database: the front door of `ibex-db/codegen`. */
import type { Kysely } from 'kysely'
import { describeSchema } from './describe-schema.ts'
import type { JsonTypeName } from './describe-schema.ts'
import { nameJsonTypes } from './json-types.ts'
import { serializeManifest } from './serialize-manifest.ts'
import { serializeTypes } from './serialize-types.ts'

/** Which tables are generated, and how the files look. Everything has a default. */
export interface GenerateTypesOptions {
  /** The schemas to generate; all that the connection may use when left out. */
  readonly schemas?: readonly string[] | undefined
  /** The tenant column of tables whose row-level security policies do not tell (default `org_id`). */
  readonly tenantColumn?: string | undefined
  /** Exceptions to the rules of English plurals for the names of row types: `{ data: 'data' }`. */
  readonly singular?: Readonly<Record<string, string>> | undefined
  /** The command that the first line of the files names, for a reader who wants to change them. */
  readonly command?: string | undefined
  /**
   * The TypeScript types of JSON columns whose shape the database cannot say, by `schema.table.column`:
   * `{ 'public.notes.layout': { name: 'NoteLayout', from: '../src/notes/note-layout.js' } }`.
   *
   * The types say it, nothing checks it: check the values before they are written. A column whose CHECK says that it is an
   * object is read and written as that type; one of an array, or without a CHECK, is written as `JsonText` where pg would
   * make something else of it.
   */
  readonly jsonTypes?: Readonly<Record<string, JsonTypeName>> | undefined
  /** Where the files import `Vector` from (default `ibex-db`). */
  readonly vectorImport?: string | undefined
  /** Where the manifest imports the type `TableDefinition` from (default `ibex-db`). */
  readonly definitionImport?: string | undefined
}

/** The text of the two generated files. */
export interface GeneratedFiles {
  /** A declaration file: `DB`, one interface a table, row types, value lists. */
  readonly types: string
  /** A module: `tables`, the manifest for the run time. */
  readonly tables: string
}

/**
 * Generates the types of a live database; the same schema gives the same text.
 *
 * ```ts
 * const { types, tables } = await generateTypes(db, { schemas: ['public'], command: 'npm run types' })
 * await writeFiles([{ path: 'types/database.d.ts', text: types }, { path: 'types/tables.ts', text: tables }])
 * ```
 *
 * The types hold for rows that arrive through this library's pool (`date` as text, `vector` as `Vector`).
 *
 * @throws {InvalidArgumentError} when `jsonTypes` names a column that does not exist or holds no JSON, or a type whose name
 *   the file has for something else.
 */
export async function generateTypes<DB>(
  db: Kysely<DB>,
  options: GenerateTypesOptions = {},
): Promise<GeneratedFiles> {
  const { command = 'ibex-db/codegen', vectorImport = 'ibex-db', definitionImport = 'ibex-db' } = options
  const tables = nameJsonTypes(await describeSchema(db, options), options.jsonTypes)
  return {
    types: serializeTypes(tables, { command, vectorImport, singular: options.singular }),
    tables: serializeManifest(tables, { command, definitionImport }),
  }
}
