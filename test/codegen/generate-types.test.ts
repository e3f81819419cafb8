import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateTypes } from '../../src/codegen/generate-types.ts'
import type { GeneratedFiles } from '../../src/codegen/generate-types.ts'
import { findDrift, writeFiles } from '../../src/codegen/generated-file.ts'
import type { GeneratedFile } from '../../src/codegen/generated-file.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import type { TableDefinition } from '../../src/repository/table-definition.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { compile, sourcePath } from './compile.ts'
import { nastyExpectations } from './nasty-expectations.ts'
import { nastySchema } from './nasty-schema.ts'

describe('generateTypes on a nasty schema', () => {
  const imports = {
    vectorImport: './vector.ts',
    definitionImport: sourcePath('src/repository/table-definition.ts'),
  }
  // as much of Vector as its dimensions: the class has tests of its own
  const vector = 'export declare class Vector<N extends number = number> { readonly dimensions: N }'
  let database: TestDatabase
  let db: Kysely<unknown>
  let folder: string
  let generated: GeneratedFiles

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ibex-nasty-'))
    database = await emptyDatabase()
    db = new Kysely({ dialect: migrationDialect({ target: database.target }) })
    await runScript(nastySchema)
    generated = await generateTypes(db, imports)
  })

  afterAll(async () => {
    await db.destroy()
    await database.close()
    await rm(folder, { recursive: true })
  })

  it('compiles, and the types are what pg reads and writes', async () => {
    const files = { 'database.ts': generated.types, 'tables.ts': generated.tables, 'vector.ts': vector }
    expect(await compile({ ...files, 'expectations.ts': nastyExpectations })).toBe('')
  })

  it('carries comments without letting them end the doc comment', () => {
    expect(generated.types).toContain(String.raw`/**
 * Ends a comment *\/ early
 * and has two lines
 */
export interface NastyStories {`)
    expect(generated.types).toContain(String.raw`  /** A glob **\/*.ts and a back tick */
  body: string;`)
  })

  it('names the row types, and keeps names apart that would be one', () => {
    const names = [...generated.types.matchAll(/^export (?:type|interface) (\w+)/gmu)].map(([, name]) => name)
    expect(new Set(names).size).toBe(names.length)
    // stories exist in two schemas, JsonValue is the generator's own, usage has no plural
    expect(names).toEqual(
      expect.arrayContaining(['NastyStories', 'OddSchemaStories', 'OddSchemaStory', 'NewOddSchemaStory']),
    )
    expect(names).toEqual(expect.arrayContaining(['JsonValue', 'NastyJsonValues', 'NastyJsonValue']))
    expect(names).toEqual(expect.arrayContaining(['StoryUsageTable', 'StoryUsage', 'StoryUsagePatch']))
    // a view has rows, but takes none
    expect(names).toContain('Title')
    expect(names).not.toContain('NewTitle')
  })

  it('gives the same text again', async () => {
    expect(await generateTypes(db, imports)).toEqual(generated)
  })

  it('describes the tables of the chosen schemas only', async () => {
    const { types, tables } = await generateTypes(db, { schemas: ['Odd Schema'] })
    expect(types.match(/^ {2}"[^"]+": \w+;$/gmu)).toEqual([
      '  "Odd Schema.order": OrderTable;',
      '  "Odd Schema.stories": Stories;',
    ])
    expect(tables).not.toContain('nasty')
  })

  it('takes exceptions to the plural, the conventional tenant column, and where to import from', async () => {
    const { types, tables } = await generateTypes(db, {
      singular: { stories: 'tale' },
      tenantColumn: 'extra',
      schemas: ['nasty'],
    })
    expect(types).toContain('export type Tale = Selectable<Stories>;')
    expect(types).toContain('import type { Vector } from "ibex-db";')
    expect(tables).toContain("import type { TableDefinition } from 'ibex-db'")
    expect(tables).toMatch(/name: 'nasty\.child',[^}]+\},[^}]+tenantColumn: 'extra'/u)
  })

  it('writes a manifest that knows keys, tenants, soft deletes and generated columns', async () => {
    const path = join(folder, 'tables.ts')
    await writeFiles([{ path, text: generated.tables }])
    const { tables } = (await import(pathToFileURL(path).href)) as { tables: Record<string, TableDefinition> }

    expect(Object.keys(tables)).toEqual([
      'Odd Schema.order',
      'Odd Schema.stories',
      ...[
        'catalogue',
        'child',
        'json_values',
        'organizations',
        'parent',
        'parts',
        'stories',
        'story_usage',
      ].map((name) => `nasty.${name}`),
    ])
    expect(tables['nasty.stories']).toMatchObject({
      name: 'nasty.stories',
      primaryKey: ['org_id', 'id'],
      tenantColumn: 'org_id',
      softDeleteColumn: 'deleted_at',
      generatedColumns: ['serial', 'words'],
    })
    expect(tables['nasty.stories']?.columns).toMatchObject({
      id: 'uuid',
      kind: 'character varying(20)',
      tags: 'text[]',
      vec: 'vector(3)',
      held_at: 'timestamp with time zone',
    })
    expect(tables['Odd Schema.order']).toEqual({
      name: 'Odd Schema.order',
      columns: {
        select: 'integer',
        'it\'s "quoted"': 'text',
        'two words': 'integer[]',
        '2nd': 'text',
        tenant: 'uuid',
      },
      primaryKey: ['select', 'tenant'],
      tenantColumn: 'tenant',
      softDeleteColumn: null,
      generatedColumns: [],
      nullableColumns: ['two words', '2nd'],
    })
    // the policy of organizations compares id; a deleted_at of another type marks nothing
    expect(tables['nasty.organizations']?.tenantColumn).toBe('id')
    expect(tables['nasty.catalogue']).toMatchObject({ tenantColumn: null, softDeleteColumn: null })
  })

  it('finds no drift in what it wrote, and every later difference', async () => {
    expect(await findDrift(toFiles(folder, generated))).toContain('+export interface DB {')
    await writeFiles(toFiles(folder, generated))
    expect(await findDrift(toFiles(folder, generated))).toBeUndefined()

    await runScript('alter table nasty.parts add column added text')
    const drift = (await findDrift(toFiles(folder, await generateTypes(db, imports)))) ?? ''
    const changes = drift.split('\n').filter((line) => /^[+-](?![+-])/u.test(line))
    expect(changes.sort()).toEqual([
      "+      'added': 'text',",
      "+    nullableColumns: ['added'],",
      '+  added: string | null;',
      '-    nullableColumns: [],',
    ])
  })

  async function runScript(script: string): Promise<void> {
    // a script of several statements must go without parameters: one simple query
    await sql.raw(script).execute(db)
  }
})

function toFiles(folder: string, { types, tables }: GeneratedFiles): readonly GeneratedFile[] {
  return [
    { path: join(folder, 'new/database.d.ts'), text: types },
    { path: join(folder, 'new/tables.ts'), text: tables },
  ]
}
