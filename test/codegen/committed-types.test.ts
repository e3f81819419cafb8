import { readFile } from 'node:fs/promises'
import { Kysely } from 'kysely'
import { expect, it } from 'vitest'
import { generateCommittedFiles } from '../../scripts/generate-types.ts'
import { findDrift } from '../../src/codegen/generated-file.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { setup } from '../support/setup.ts'
import { compile, sourcePath } from './compile.ts'

it('commits the types and the manifest that the migrated database has, on every server version', async () => {
  const database = await setup()
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target: database.target }) })
  try {
    expect(await findDrift(await generateCommittedFiles(db))).toBeUndefined()
  } finally {
    await db.destroy()
    await database.close()
  }
})

it('commits declarations that compile: a .d.ts is not checked by the project itself', async () => {
  const types = await readFile(sourcePath('types/database.d.ts'), 'utf8')
  const text = types.replaceAll(/"\.\.\/(src\/.*)\.js"/g, (_, path: string) => `"${sourcePath(path)}.ts"`)
  expect(await compile({ 'database.ts': text })).toBe('')
})
