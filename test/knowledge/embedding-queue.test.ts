import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { DocumentChunk } from '../../src/knowledge/document-chunk.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { nextMoment } from '../support/next-moment.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let foreign: DocumentChunk | undefined
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  await tenants.theirs.documents.ingest(bare('handbook', ['one', 'two']))
  foreign = (await tenants.theirs.documents.chunks('handbook'))[0]
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.rag_documents')
})

afterEach(async () => {
  const { orgId } = tenants.mine
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom('ibex_core.rag_documents').where('org_id', '=', orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  const queued = await tenants.mine.documents.unembedded()
  expect(queued.filter(({ id }) => id === foreign?.id)).toEqual([])
}

function bare(documentId: string, contents: readonly string[]) {
  return { documentId, chunks: contents.map((content) => ({ content })) }
}

function embedded(chunks: readonly DocumentChunk[]) {
  return chunks.map(({ id, content }) => ({ id, embedding: direction(content) }))
}

test('queues the chunks without an embedding, oldest first, until they have one', async () => {
  const { documents } = tenants.mine
  await documents.ingest(bare('b', ['one', 'two']))
  await nextMoment()
  await documents.ingest(bare('a', ['three']))
  await nextMoment()
  const embedding = direction('four')
  await documents.ingest({ documentId: 'c', chunks: [{ content: 'four', embedding }, { content: 'five' }] })
  const queued = await documents.unembedded()
  expect(queued.map(({ content }) => content)).toEqual(
    expect.arrayContaining(['one', 'two', 'three', 'five']),
  )
  expect(queued.map(({ document_id }) => document_id)).toEqual(['b', 'b', 'a', 'c'])
  expect(await documents.unembedded({ limit: 3 })).toEqual(queued.slice(0, 3))

  expect(await documents.setEmbeddings(embedded(queued.slice(0, 3)), { embeddingModel: 'm' })).toBe(3)
  expect((await documents.unembedded()).map(({ content }) => content)).toEqual(['five'])
  for (const { id, content } of queued.slice(0, 3)) {
    const row = await documents.findByIdOrThrow(id)
    expect(row).toMatchObject({ embedding_model: 'm', embedding: direction(content) })
  }
  const [found] = await documents.searchSimilar({ embedding: direction('three'), limit: 1 })
  expect(found).toMatchObject({ content: 'three', similarity: expect.closeTo(1, 5) })
})

test('gives a chunk another embedding, of another model', async () => {
  const { documents } = tenants.mine
  await documents.ingest(bare('a', ['one']))
  const chunks = await documents.chunks('a')
  await documents.setEmbeddings(embedded(chunks), { embeddingModel: 'old' })
  const id = chunks[0]?.id ?? ''
  expect(await documents.setEmbeddings([{ id: id.toUpperCase(), embedding: direction('x') }])).toBe(1)
  expect(await documents.findById(id)).toMatchObject({ embedding_model: null, embedding: direction('x') })
  expect(await documents.setEmbeddings([])).toBe(0)
})

test('passes over a chunk that is gone, one whose place has another content, and one of another tenant', async () => {
  const { documents } = tenants.mine
  await documents.ingest(bare('a', ['stays', 'changes', 'goes']))
  const queued = await documents.unembedded()
  await documents.ingest(bare('a', ['stays', 'changed']))
  const unknown = [foreign?.id ?? '', randomUUID()].map((id) => ({ id, embedding: direction('x') }))
  expect(await documents.setEmbeddings([...embedded(queued), ...unknown])).toBe(1)
  expect((await documents.unembedded()).map(({ content }) => content)).toEqual(['changed'])
  const rows = await documents.find({ orderBy: { chunk_index: 'asc' } })
  expect(rows.map(({ embedding }) => embedding)).toEqual([direction('stays'), null])
})

test(
  'waits for an ingest at the same moment, and puts no embedding on the content that came instead',
  skipOnEmbedded('one connection: nobody else writes at the same moment'),
  async () => {
    const { documents } = tenants.mine
    const other = tenants.database.forTenant(tenants.mine.orgId)
    await documents.ingest(bare('a', ['stays', 'changes']))
    const queued = await documents.unembedded()
    let setting: Promise<number> | undefined
    await tenants.mine.transaction(async (trx) => {
      await trx.documents.ingest(bare('a', ['stays', 'changed', 'new']))
      setting = runOutsideTransaction(async () => await other.documents.setEmbeddings(embedded(queued)))
      await untilBlocked(tenants.admin)
    })
    expect(await setting).toBe(1)
    const rows = await documents.find({ orderBy: { chunk_index: 'asc' } })
    expect(rows.map(({ content, embedding }) => [content, embedding])).toEqual([
      ['stays', direction('stays')],
      ['changed', null],
      ['new', null],
    ])
  },
)

test('names the contents that need an embedding, of the model asked for', async () => {
  const { documents } = tenants.mine
  const contents = ['one', 'two', 'three']
  expect(await documents.chunksToEmbed('a', contents)).toEqual([0, 1, 2])
  await documents.ingest(bare('a', contents))
  expect(await documents.chunksToEmbed('a', contents)).toEqual([0, 1, 2])
  const chunks = await documents.chunks('a')
  await documents.setEmbeddings(embedded(chunks.slice(0, 1)), { embeddingModel: 'old' })
  await documents.setEmbeddings(embedded(chunks.slice(1, 2)), { embeddingModel: 'new' })
  expect(await documents.chunksToEmbed('a', contents)).toEqual([2])
  expect(await documents.chunksToEmbed('a', contents, { embeddingModel: 'new' })).toEqual([0, 2])
  expect(await documents.chunksToEmbed('a', ['two', 'four', 'two', 'four'])).toEqual([1, 3])
  expect(await documents.chunksToEmbed('a', [])).toEqual([])
  // what another tenant has of the same id does not count
  expect(await tenants.theirs.documents.chunksToEmbed('a', contents)).toEqual([0, 1, 2])
})
