/** Two who change one document at the same moment: one after the other, and nobody else waits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { DocumentInput } from '../../src/knowledge/document-input.ts'
import type { IngestResult } from '../../src/knowledge/plan-ingest.ts'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

describe(
  'at the same moment',
  skipOnEmbedded('one connection: nobody else writes at the same moment'),
  () => {
    let tenants: TwoTenants
    let others: readonly TenantScope[]

    beforeAll(async () => {
      tenants = await openTwoTenants({ poolSize: 10 })
      others = Array.from({ length: 10 }, () => tenants.database.forTenant(tenants.mine.orgId))
    })

    afterAll(async () => {
      await tenants.close()
    })

    /** Which version is stored, complete and without anything of another. */
    async function storedVersion(documentId: string): Promise<number> {
      const rows = await tenants.mine.documents.find({
        where: { document_id: documentId },
        orderBy: { chunk_index: 'asc' },
      })
      const number = rows.length - 5
      const { chunks } = version(documentId, number)
      expect(rows.map(({ content }) => content)).toEqual(chunks.map(({ content }) => content))
      expect(rows.map(({ chunk_index }) => chunk_index)).toEqual(chunks.map((_, index) => index))
      expect(new Set(rows.map(({ total_chunks, source_path }) => `${total_chunks} ${source_path}`))).toEqual(
        new Set([`${chunks.length} /${number}`]),
      )
      // those that came with an embedding have one, and whatever embedding there is belongs to the content
      expect(rows.filter(({ embedding }, index) => embedding === null && index % 2 === 1)).toEqual([])
      for (const { content, embedding } of rows) expect([null, direction(content)]).toContainEqual(embedding)
      return number
    }

    test('ten who ingest a new document leave one complete version, three times over', async () => {
      for (let round = 0; round < 3; round++) {
        const documentId = `new ${round}`
        const results = await Promise.all(
          others.map(async ({ documents }, number) => await documents.ingest(version(documentId, number))),
        )
        const number = await storedVersion(documentId)
        expect(sum(results, 'inserted') - sum(results, 'deleted')).toBe(5 + number)
        // each but the first found another's version
        expect(results.filter(({ updated, unchanged }) => updated + unchanged === 0)).toHaveLength(1)
      }
    })

    test('ten who ingest, embed and delete it leave one complete version or none', async () => {
      for (let round = 0; round < 3; round++) {
        const documentId = `old ${round}`
        await tenants.mine.documents.ingest(version(documentId, 9))
        await Promise.all(
          others.map(async ({ documents }, number) => {
            if (number === 0) await documents.deleteDocument(documentId)
            const queued = (await documents.unembedded()).filter((chunk) => chunk.document_id === documentId)
            await documents.ingest(version(documentId, number))
            const embeddings = queued.map(({ id, content }) => ({ id, embedding: direction(content) }))
            await documents.setEmbeddings(embeddings, { embeddingModel: 'm' })
          }),
        )
        await storedVersion(documentId)
        await Promise.all(others.map(async ({ documents }) => await documents.deleteDocument(documentId)))
        expect(await tenants.mine.documents.chunks(documentId)).toEqual([])
      }
    })

    test('the second waits for the first, and takes its place even when that is undone', async () => {
      const { documents } = tenants.mine
      await documents.ingest(version('a', 1))
      const steps: string[] = []
      let second: Promise<unknown> | undefined
      const first = tenants.mine.transaction(async (trx) => {
        await trx.documents.ingest(version('a', 2))
        second = runOutsideTransaction(
          async () => await others[0]?.documents.ingest(version('a', 3)),
        ).finally(() => steps.push('second'))
        await untilBlocked(tenants.admin)
        steps.push('first')
        throw new Error('undone')
      })
      await expect(first).rejects.toThrow('undone')
      // what it found was version 1
      expect(await second).toMatchObject({ inserted: 2, deleted: 0 })
      expect(steps).toEqual(['first', 'second'])
      expect(await storedVersion('a')).toBe(3)
    })

    /** Runs the second until it waits for the first to commit, and returns what it gives once the first has. */
    async function meanwhile<T>(
      first: (trx: TenantTransaction) => Promise<unknown>,
      second: (other: TenantScope) => Promise<T>,
    ): Promise<T> {
      const [other] = others
      if (other === undefined) throw new Error('there are ten')
      const { waiting } = await tenants.mine.transaction(async (trx) => {
        await first(trx)
        const result = runOutsideTransaction(async () => await second(other))
        await untilBlocked(tenants.admin)
        return { waiting: result }
      })
      return await waiting
    }

    test('a document that is deleted while it grows is gone altogether', async () => {
      await tenants.mine.documents.ingest(version('e', 1))
      const count = await meanwhile(
        async (trx) => await trx.documents.ingest(version('e', 4)),
        async (other) => await other.documents.deleteDocument('e'),
      )
      expect(count).toBe(9)
      expect(await tenants.mine.documents.chunks('e')).toEqual([])
    })

    test('a content that moves while it is embedded takes the embedding along', async () => {
      const { documents } = tenants.mine
      await documents.ingest({ documentId: 'f', chunks: [{ content: 'one' }, { content: 'two' }] })
      const [one] = await documents.chunks('f')
      await meanwhile(
        async (trx) =>
          await trx.documents.setEmbeddings([{ id: one?.id ?? '', embedding: direction('one') }]),
        async (other) =>
          await other.documents.ingest({
            documentId: 'f',
            chunks: [{ content: 'zero' }, { content: 'one' }],
          }),
      )
      expect(await documents.findOne({ document_id: 'f', chunk_index: 1 })).toMatchObject({
        content: 'one',
        embedding: direction('one'),
      })
    })

    test('another document, and the same one of another tenant, are not waited for', async () => {
      await tenants.mine.transaction(async (trx) => {
        await trx.documents.ingest(version('b', 1))
        await runOutsideTransaction(async () => {
          await others[0]?.documents.ingest(version('c', 1))
          await tenants.theirs.documents.ingest(version('b', 2))
        })
      })
      expect(await storedVersion('b')).toBe(1)
      expect(await tenants.theirs.documents.chunks('b')).toHaveLength(7)
    })

    test('a serializable transaction that saw less fails as one to try again', async () => {
      await tenants.mine.documents.ingest(version('d', 1))
      const error = await failure(
        async () =>
          await tenants.mine.transaction(
            async (trx) => {
              await trx.documents.chunks('d')
              await runOutsideTransaction(async () => await others[0]?.documents.ingest(version('d', 2)))
              await trx.documents.ingest(version('d', 3))
            },
            { isolationLevel: 'serializable' },
          ),
      )
      expect(error).toMatchObject({ code: 'serialization_failure', isRetryable: true })
      expect(await storedVersion('d')).toBe(2)
    })
  },
)

/** A version of a document: its own length, some contents that others have too, each embedded where it is odd. */
function version(documentId: string, number: number): DocumentInput {
  const chunks = Array.from({ length: 5 + number }, (_, index) => {
    const content = index % 3 === 0 ? `shared ${index}` : `version ${number} chunk ${index}`
    return index % 2 === 0 ? { content } : { content, embedding: direction(content) }
  })
  return { documentId, embeddingModel: 'm', sourcePath: `/${number}`, chunks }
}

function sum(results: readonly IngestResult[], key: keyof IngestResult): number {
  return results.reduce((total, result) => total + result[key], 0)
}
