/** Asks what one organization remembers. */
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
  const memories = await tenant.memories.findSimilar({ embedding, limit: maxMemories })
  const contents = [...new Set(memories.map(({ content }) => content))].slice(0, maxAnswers)
  return contents.map((content) => {
    const same = memories.filter((memory) => memory.content === content)
    return {
      content,
      similarity: same[0]?.similarity ?? 0,
      people: same.map(({ subject }) => subject ?? 'someone'),
    }
  })
}
