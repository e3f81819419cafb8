import { hash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { DataExceptionError } from '../../src/errors.ts'
import type { DocumentInput } from '../../src/knowledge/document-input.ts'
import type { IngestResult } from '../../src/knowledge/plan-ingest.ts'
import type { DB, RagDocument } from '../../types/database.d.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  // a document of the same id and with the same contents
  await tenants.theirs.documents.ingest({ ...document(['one', 'two', 'three']), embeddingModel: 'theirs' })
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
  expect(await tenants.mine.documents.count({ embedding_model: 'theirs' })).toBe(0)
}

/** A document whose chunks have embeddings of their contents. */
function document(contents: readonly string[], rest: Partial<DocumentInput> = {}): DocumentInput {
  const chunks = contents.map((content) => ({ content, embedding: direction(content) }))
  return { documentId: 'handbook', embeddingModel: 'm', chunks, ...rest }
}

/** The same without embeddings. */
function bare(contents: readonly string[], rest: Partial<DocumentInput> = {}): DocumentInput {
  return {
    documentId: 'handbook',
    embeddingModel: 'm',
    chunks: contents.map((content) => ({ content })),
    ...rest,
  }
}

async function ingest(input: DocumentInput): Promise<IngestResult> {
  return await tenants.mine.documents.ingest(input)
}

async function stored(): Promise<RagDocument[]> {
  return await tenants.mine.documents.find({
    where: { document_id: 'handbook' },
    orderBy: { chunk_index: 'asc' },
  })
}

function counts(inserted: number, updated: number, unchanged: number, deleted: number): IngestResult {
  return { inserted, updated, unchanged, deleted }
}

/** The chunks are these, in this order, each with its own embedding where it has one. */
async function expectDocument(
  contents: readonly string[],
  embedded: readonly string[] = contents,
): Promise<void> {
  const rows = await stored()
  expect(rows.map(({ content }) => content)).toEqual(contents)
  expect(rows.map(({ chunk_index }) => chunk_index)).toEqual(contents.map((_, index) => index))
  for (const { content, content_hash, embedding, embedding_model, total_chunks } of rows) {
    expect(total_chunks).toBe(contents.length)
    expect(content_hash).toBe(hash('sha256', content))
    const isEmbedded = embedded.includes(content)
    expect(embedding).toEqual(isEmbedded ? direction(content) : null)
    expect(embedding_model !== null).toBe(isEmbedded)
  }
}

test('puts a document in, with everything that is given', async () => {
  const result = await ingest({
    documentId: 'handbook',
    sourcePath: '/docs/handbook.md',
    metadata: { language: 'en', page: 0 },
    embeddingModel: 'm',
    chunks: [
      { content: 'one', embedding: direction('one') },
      { content: 'two', embedding: Array.from(direction('two')), metadata: { page: 2, tags: ['x'] } },
      { content: 'three' },
    ],
  })
  expect(result).toEqual(counts(3, 0, 0, 0))
  await expectDocument(['one', 'two', 'three'], ['one', 'two'])
  const rows = await stored()
  expect(rows.map(({ org_id, source_path }) => ({ org_id, source_path }))).toEqual(
    Array.from({ length: 3 }, () => ({ org_id: tenants.mine.orgId, source_path: '/docs/handbook.md' })),
  )
  expect(rows.map(({ metadata }) => metadata)).toEqual([
    { language: 'en', page: 0 },
    { language: 'en', page: 2, tags: ['x'] },
    { language: 'en', page: 0 },
  ])
  expect(rows.map(({ embedding_model }) => embedding_model)).toEqual(['m', 'm', null])
})

test('writes nothing when nothing has changed, whether embeddings are given or not', async () => {
  await ingest(document(['one', 'two'], { metadata: { a: { b: [1, null] } }, sourcePath: 'x' }))
  const before = await versions()
  for (const again of [document(['one', 'two']), bare(['one', 'two'])]) {
    const same = { ...again, metadata: { a: { b: [1, null] } }, sourcePath: 'x' }
    expect(await ingest(same)).toEqual(counts(0, 0, 2, 0))
  }
  expect(await versions()).toEqual(before)
})

/** Where each row lies, and which transaction has written it. */
async function versions(): Promise<unknown[]> {
  const { rows } = await sql`select chunk_index, id, ctid::text, xmin::text, updated_at::text
    from ibex_core.rag_documents where org_id = ${tenants.mine.orgId} order by chunk_index`.execute(
    tenants.admin,
  )
  return rows
}

test('replaces the chunks that differ, adds what is new and deletes what is left over', async () => {
  await ingest(document(['one', 'two', 'three', 'four']))
  const before = await stored()
  expect(await ingest(document(['one', 'TWO', 'three']))).toEqual(counts(0, 1, 2, 1))
  await expectDocument(['one', 'TWO', 'three'])
  expect(await ingest(document(['one', 'TWO', 'three', 'five', 'six']))).toEqual(counts(2, 0, 3, 0))
  await expectDocument(['one', 'TWO', 'three', 'five', 'six'])
  const after = await stored()
  expect(after[0]?.id).toBe(before[0]?.id)
  expect(after[0]).toMatchObject({ created_at: before[0]?.created_at })
  // another content is another chunk
  expect(after[1]?.id).not.toBe(before[1]?.id)
})

test('needs embeddings for new contents only, wherever the others move', async () => {
  const { documents } = tenants.mine
  await ingest(document(['one', 'two', 'three', 'four']))
  for (const [contents, added] of [
    [['zero', 'one', 'two', 'three', 'four'], ['zero']],
    [['four', 'three', 'new', 'two', 'one', 'zero'], ['new']],
    [['three', 'three', 'one', 'newer'], ['newer']],
    [['one', 'three'], []],
  ] as const) {
    const missing = await documents.chunksToEmbed('handbook', contents, { embeddingModel: 'm' })
    expect(missing.map((index) => contents[index])).toEqual(added)
    const chunks = contents.map((content, index) =>
      missing.includes(index) ? { content, embedding: direction(content) } : { content },
    )
    await ingest({ documentId: 'handbook', embeddingModel: 'm', chunks })
    await expectDocument(contents)
  }
})

test('counts a moved content as updated, and one that stays as unchanged', async () => {
  await ingest(document(['one', 'two', 'three']))
  expect(await ingest(bare(['two', 'one', 'three', 'three']))).toEqual(counts(1, 2, 1, 0))
  await expectDocument(['two', 'one', 'three', 'three'])
})

test('keeps no embedding of another model when a model is named, and any when none is', async () => {
  await ingest(document(['one', 'two'], { embeddingModel: 'old' }))
  const { embeddingModel: _, ...unnamed } = bare(['two', 'one'])
  expect(await ingest(unnamed)).toEqual(counts(0, 2, 0, 0))
  await expectDocument(['two', 'one'])
  expect((await stored()).map(({ embedding_model }) => embedding_model)).toEqual(['old', 'old'])

  expect(await ingest(bare(['two', 'one'], { embeddingModel: 'new' }))).toEqual(counts(0, 2, 0, 0))
  await expectDocument(['two', 'one'], [])
  expect(await ingest(document(['two', 'one'], { embeddingModel: 'new' }))).toEqual(counts(0, 2, 0, 0))
  await expectDocument(['two', 'one'])
  expect((await stored()).map(({ embedding_model }) => embedding_model)).toEqual(['new', 'new'])
})

test('takes the embedding that is given when the model is another one', async () => {
  await ingest(document(['one', 'two'], { embeddingModel: 'old' }))
  expect(await ingest(document(['one', 'two'], { embeddingModel: 'new' }))).toEqual(counts(0, 2, 0, 0))
  expect((await stored()).map(({ embedding_model }) => embedding_model)).toEqual(['new', 'new'])
  const { embeddingModel: _, ...unnamed } = document(['one', 'two'])
  expect(await ingest(unnamed)).toEqual(counts(0, 2, 0, 0))
  expect((await stored()).map(({ embedding_model }) => embedding_model)).toEqual([null, null])
  expect(await ingest(unnamed)).toEqual(counts(0, 0, 2, 0))
})

test('gives a chunk the embedding that the document has of the same content elsewhere', async () => {
  const chunks = [{ content: 'one', embedding: direction('one') }, { content: 'one' }]
  await ingest({ documentId: 'handbook', embeddingModel: 'm', chunks })
  expect((await stored()).map(({ embedding }) => embedding)).toEqual([direction('one'), null])
  expect(await ingest(bare(['one', 'one']))).toEqual(counts(0, 1, 1, 0))
  await expectDocument(['one', 'one'])
})

test('gives a chunk that had none its embedding, and keeps its id', async () => {
  await ingest(bare(['one', 'two']))
  const ids = (await stored()).map(({ id }) => id)
  expect(await ingest(document(['one', 'two']))).toEqual(counts(0, 2, 0, 0))
  await expectDocument(['one', 'two'])
  expect((await stored()).map(({ id }) => id)).toEqual(ids)
})

test('takes another path and other metadata over, and nothing of the contents', async () => {
  await ingest(document(['one', 'two', 'three'], { metadata: { a: 1 }, sourcePath: 'old' }))
  const before = await stored()
  const chunks = ['one', 'two', 'three', 'four'].map((content) => ({ content, metadata: { of: content } }))
  expect(await ingest({ documentId: 'handbook', embeddingModel: 'm', chunks })).toEqual(counts(1, 3, 0, 0))
  await expectDocument(['one', 'two', 'three', 'four'], ['one', 'two', 'three'])
  const after = await stored()
  expect(after.map(({ metadata }) => metadata)).toEqual(chunks.map(({ metadata }) => metadata))
  expect(after.map(({ source_path }) => source_path)).toEqual([null, null, null, null])
  expect(after.slice(0, 3).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
})

test('puts no row into an index again for a chunk more', async () => {
  const contents = Array.from({ length: 20 }, (_, index) => `chunk ${index} ${'of long words '.repeat(150)}`)
  await ingest(document(contents))
  await tenants.mine.transaction(async (trx) => {
    // counted are also what transactions before this one have done and not yet reported
    const before = await updatesOf(trx.db)
    expect(await trx.documents.ingest(document([...contents, 'last']))).toEqual(counts(1, 0, 20, 0))
    const after = await updatesOf(trx.db)
    expect(after.all - before.all).toBe(20)
    expect(after.besideIndexes - before.besideIndexes).toBe(20)
  })
})

interface Updates {
  readonly all: number
  /** Those that no index has noticed: a new version of the row in the same page, with the same values in every index. */
  readonly besideIndexes: number
}

async function updatesOf(db: Kysely<DB>): Promise<Updates> {
  const { rows } =
    await sql<Updates>`select sum(n_tup_upd)::int as all, sum(n_tup_hot_upd)::int as "besideIndexes"
    from pg_stat_xact_all_tables where relname like 'rag_documents_p%'`.execute(db)
  return rows[0] ?? { all: 0, besideIndexes: 0 }
}

test('keeps documents apart', async () => {
  await ingest(document(['one', 'two']))
  await ingest(document(['one', 'three', 'four'], { documentId: 'other' }))
  // no embedding comes from another document
  expect(await tenants.mine.documents.chunksToEmbed('third', ['one'])).toEqual([0])
  await ingest(bare(['one'], { documentId: 'third' }))
  expect(await tenants.mine.documents.findOne({ document_id: 'third' })).toMatchObject({ embedding: null })
  await expectDocument(['one', 'two'])
  expect(await tenants.mine.documents.deleteDocument('other')).toBe(3)
  await expectDocument(['one', 'two'])
})

test('works inside a transaction, and goes with it', async () => {
  await ingest(document(['one']))
  const transaction = tenants.mine.transaction(async (trx) => {
    await trx.documents.ingest(document(['two', 'three']))
    expect((await trx.documents.chunks('handbook')).map(({ content }) => content)).toEqual(['two', 'three'])
    await trx.documents.deleteDocument('handbook')
    expect(await trx.documents.chunks('handbook')).toEqual([])
    throw new Error('undone')
  })
  await expect(transaction).rejects.toThrow('undone')
  await expectDocument(['one'])
})

test('leaves the document as it was when one of the chunks is refused', async () => {
  const contents = Array.from({ length: 600 }, (_, index) => `chunk ${index}`)
  await ingest(bare(contents))
  const before = await versions()
  const chunks = contents.map((content, index) => ({
    content: content.toUpperCase(),
    // which JavaScript can hold and PostgreSQL cannot
    metadata: index === 599 ? { secret: 'canary \0' } : {},
  }))
  const error = await failure(async () => await ingest({ documentId: 'handbook', chunks }))
  expect(error).toBeInstanceOf(DataExceptionError)
  expect(error.message).not.toContain('canary')
  expect(await versions()).toEqual(before)
})

test('ingests 10,000 chunks, and again with one in front', { timeout: 120_000 }, async () => {
  const contents = Array.from({ length: 10_000 }, (_, index) => `Chunk number ${index} of a long document.`)
  expect(await ingest(bare(contents))).toEqual(counts(10_000, 0, 0, 0))
  expect(await ingest(bare(contents))).toEqual(counts(0, 0, 10_000, 0))
  expect(await ingest(bare(['First.', ...contents]))).toEqual(counts(1, 10_000, 0, 0))
  const rows = await tenants.mine.documents.chunks('handbook')
  expect(rows.map(({ content }) => content)).toEqual(['First.', ...contents])
  expect(await tenants.mine.documents.deleteDocument('handbook')).toBe(10_001)
})

test('deletes a document of the tenant and none of another', async () => {
  await ingest(document(['one', 'two']))
  expect(await tenants.mine.documents.deleteDocument('handbook')).toBe(2)
  expect(await tenants.mine.documents.deleteDocument('handbook')).toBe(0)
  expect(await stored()).toEqual([])
})
