/** Asks what one organization remembers. */
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import type { TenantScope } from '../../src/index.ts'

/** One answer to a question. */
export interface Answer {
  readonly content: string
  /** How close it is to the question: 1 is the same direction, 0 has nothing in common. */
  readonly similarity: number
  /** Whom it is about; more than one where several people said the same. */
  readonly people: readonly string[]
}

const maxAnswers = 3

/** The same statement of many people is one answer, so more memories are asked for than answers. */
const maxMemories = 100

/** Finds what one organization remembers that is closest to a question. */
export async function search(tenant: TenantScope, embedding: Float32Array): Promise<readonly Answer[]> {
  const { hits } = await tenant.memories.search({
    embedding,
    embeddingModel: lexicalEmbedder.model,
    limit: maxMemories,
    record: false,
  })
  const contents = [...new Set(hits.map(({ memory }) => memory.content))].slice(0, maxAnswers)
  return contents.map((content) => {
    const same = hits.filter(({ memory }) => memory.content === content)
    return {
      content,
      similarity: same[0]?.similarity ?? 0,
      people: same.map(({ memory }) => memory.subject ?? 'someone'),
    }
  })
}
