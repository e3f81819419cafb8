/** Asks what one organization remembers. */
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import type { MemorySearch, TenantScope } from '../../src/index.ts'

/** One answer to a question. */
export interface Answer {
  readonly content: string
  /** How well it fits the question: 1 is the same direction or all of its words, 0 has nothing in common. */
  readonly relevance: number
  /** Whom it is about; more than one where several people said the same. */
  readonly people: readonly string[]
}

/** A question, with what it was answered. */
export interface AnsweredQuestion {
  readonly question: string
  /** Found by the words of the question, whatever their form. */
  readonly text: readonly Answer[]
  /** Found by its words and by its embedding, in one order. */
  readonly hybrid: readonly Answer[]
}

const maxAnswers = 3

/** The same statement of many people is one answer, so more memories are asked for than answers. */
const maxMemories = 100

/** Finds what one organization remembers that is closest to the embedding of a question. */
export async function searchByEmbedding(
  tenant: TenantScope,
  embedding: Float32Array,
): Promise<readonly Answer[]> {
  return await search(tenant, { embedding, embeddingModel: lexicalEmbedder.model })
}

/** Answers a question from what one organization remembers, by text and hybrid. */
export async function answer(tenant: TenantScope, question: string): Promise<AnsweredQuestion> {
  const [embedding = new Float32Array()] = await lexicalEmbedder.embed([question])
  return {
    question,
    text: await search(tenant, { text: question }),
    hybrid: await search(tenant, { text: question, embedding, embeddingModel: lexicalEmbedder.model }),
  }
}

async function search(tenant: TenantScope, query: MemorySearch): Promise<readonly Answer[]> {
  const { hits } = await tenant.memories.search({ ...query, limit: maxMemories, record: false })
  const contents = [...new Set(hits.map(({ memory }) => memory.content))].slice(0, maxAnswers)
  return contents.map((content) => {
    const same = hits.filter(({ memory }) => memory.content === content)
    return {
      content,
      relevance: same[0]?.relevance ?? 0,
      people: same.map(({ memory }) => memory.subject ?? 'someone'),
    }
  })
}
