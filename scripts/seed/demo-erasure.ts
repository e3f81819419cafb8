/** What the bookshop had to keep for a while, and what it was asked to forget. */
import { lexicalEmbedder } from '../../src/index.ts'
import type { TenantTransaction } from '../../src/index.ts'

/** Inserts a legal hold that was released, and erases a memory. */
export async function insertDemoErasure(trx: TenantTransaction, customerId: string): Promise<void> {
  const hold = await trx.legalHolds.place({
    subject: 'user',
    subjectId: customerId,
    reason: 'A parcel was lost.',
  })
  await trx.legalHolds.release(hold.id, { reason: 'The parcel was found.' })
  const content = 'Ana hides books from her brother.'
  const [embedding = []] = await lexicalEmbedder.embed([content])
  const { memory } = await trx.memories.add({
    agentId: null,
    userId: customerId,
    content,
    embedding,
    category: 'behavioral',
  })
  await trx.memories.erase(memory.id, { reason: 'asked by the customer' })
}
