import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DocumentSummary } from '../../src/knowledge/list-documents.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
const ids = ['a', 'b', 'B', 'b/1', 'ä', 'z', 'a-very-long-one', '10', '9', '🦌']

beforeAll(async () => {
  tenants = await openTwoTenants()
  for (const { documents, orgId } of [tenants.theirs, tenants.mine]) {
    for (const [index, documentId] of ids.entries()) {
      const chunks = Array.from({ length: index + 1 }, (_, number) => ({
        content: `${orgId} ${number}`,
        ...(number < 2 ? { embedding: direction(number) } : {}),
      }))
      await documents.ingest({ documentId, sourcePath: index === 0 ? null : `/${documentId}`, chunks })
    }
  }
  await tenants.theirs.documents.ingest({ documentId: 'theirs', chunks: [{ content: 'x' }] })
})

afterAll(async () => {
  await tenants.close()
})

test('lists the documents of the tenant, each summed up once', async () => {
  const { rows, nextCursor } = await tenants.mine.documents.list()
  expect(nextCursor).toBeUndefined()
  expect(rows.map(({ document_id }) => document_id).toSorted()).toEqual(ids.toSorted())
  for (const row of rows) {
    const count = ids.indexOf(row.document_id) + 1
    const chunks = await tenants.mine.documents.find({ where: { document_id: row.document_id } })
    expect(row).toEqual({
      document_id: row.document_id,
      source_path: count === 1 ? null : `/${row.document_id}`,
      chunk_count: count,
      embedded_count: Math.min(count, 2),
      updated_at: new Date(Math.max(...chunks.map(({ updated_at }) => updated_at.getTime()))),
    })
  }
})

test.each([1, 3, 5, 10])(
  'reads pages of %i one after the other, none twice and none left out',
  async (limit) => {
    const { rows: all } = await tenants.mine.documents.list()
    const read: DocumentSummary[] = []
    let after: string | undefined
    do {
      const page = await tenants.mine.documents.list({ limit, ...(after === undefined ? {} : { after }) })
      expect(page.rows.length).toBeLessThanOrEqual(limit)
      read.push(...page.rows)
      after = page.nextCursor
    } while (after !== undefined)
    expect(read).toEqual(all)
  },
)

test('reads on after a document that is gone', async () => {
  const { rows: all } = await tenants.mine.documents.list()
  const { rows } = await tenants.mine.documents.list({ after: `${all[2]?.document_id} gone` })
  expect(rows).toEqual(all.slice(rows.length * -1))
  expect(rows.length).toBeGreaterThan(0)
  expect((await tenants.mine.documents.list({ after: all.at(-1)?.document_id ?? '' })).rows).toEqual([])
})

test('reads the chunks of a document in their order, and none of another tenant', async () => {
  const chunks = await tenants.mine.documents.chunks('🦌')
  expect(chunks.map(({ chunk_index }) => chunk_index)).toEqual(ids.map((_, index) => index))
  expect(new Set(chunks.map(({ org_id }) => org_id))).toEqual(new Set([tenants.mine.orgId]))
  const {
    embedding: _,
    search_vector: __,
    ...row
  } = await tenants.mine.documents.findByIdOrThrow(chunks[0]?.id ?? '')
  expect(chunks[0]).toEqual(row)
  expect(await tenants.mine.documents.chunks('theirs')).toEqual([])
  expect(await tenants.theirs.documents.chunks('theirs')).toHaveLength(1)
})

test('says of a tenant without documents that it has none', async () => {
  const { admin, database } = tenants
  const { id } = await admin
    .insertInto('ibex_core.organizations')
    .values({ name: 'Empty', slug: 'empty' })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { documents } = database.forTenant(id)
  expect(await documents.list()).toEqual({ rows: [], nextCursor: undefined })
  expect(await documents.unembedded()).toEqual([])
})
