import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readBaseline } from '../../src/doctor/baseline.ts'
import { diagnose } from '../../src/doctor/diagnose.ts'
import { createSearchFunction } from '../../src/migration/search-function.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../../src/migration/indexes.ts'
import { revokeTemporary } from '../../src/migration/schema.ts'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

const baselineFile = join(import.meta.dirname, 'ibex-core-baseline.json')
// the server of a test run is not ours to mend
const ofServer: ReadonlySet<string> = new Set(['server-version', 'pgvector-version'])

let database: TestDatabase

beforeAll(async () => {
  database = await setup()
  // a clone has the rights of a new database, not those of the database that was cloned
  await revokeTemporary(database.admin)
})

afterAll(async () => {
  await database.close()
})

test('finds nothing in ibex_core but what its baseline argues', async () => {
  expect(await found(['ibex_core'])).toEqual([])
})

test('finds nothing in a table of a consumer with a search function', async () => {
  await createTenantTable(database.admin, 'public.notes', {
    comment: 'Something that a person wrote down.',
    partitions: 2,
    columns: {
      body: { type: 'text' },
      words: { type: 'tsvector', generated: "to_tsvector('english', body)" },
    },
    references: [],
  })
  await createTenantIndex(database.admin, 'public.notes', { columns: ['words'], using: 'gin' })
  expect(await found(['public'])).toEqual(['index-unusable index public.notes_words_idx'])

  await createSearchFunction(database.admin, 'public.search_notes', {
    table: 'public.notes',
    columns: ['org_id', 'id', 'words'],
    parameters: 'query text',
    query: `select note.id, 1::real from public.notes as note
      where note.org_id = tenant and note.words @@ websearch_to_tsquery('english', query)`,
    comment: 'Finds the notes of the tenant that match.',
  })
  expect(await found(['public'])).toEqual([])
})

async function found(schemas: readonly string[]): Promise<readonly string[]> {
  const baseline = schemas.includes('ibex_core') ? await readBaseline(baselineFile) : undefined
  const { findings } = await diagnose(database.admin, { schemas, baseline })
  return findings.filter(({ code }) => !ofServer.has(code)).map(({ code, object }) => `${code} ${object}`)
}
