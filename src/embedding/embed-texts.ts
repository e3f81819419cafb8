/** Has a batch of texts embedded, and believes nothing of what comes back before it has looked. */
import { EmbeddingFailedError, InvalidArgumentError } from '../errors.ts'
import { toEmbedding } from '../vector/similarity-search.ts'
import type { Vector, VectorInput } from '../vector/vector.ts'
import type { Embedder } from './embedder.ts'

/**
 * Checks an embedder before anything is read or written for it, and returns it.
 *
 * @throws {InvalidArgumentError} when it has no model, no `embed`, or another dimension than the column.
 */
export function checkEmbedder<N extends number>(
  name: string,
  embedder: Embedder<N>,
  dimension: N,
): Embedder<N> {
  if (typeof embedder !== 'object' || embedder === null || typeof embedder.embed !== 'function')
    throw new InvalidArgumentError(name, 'must be an embedder: an object with model, dimension and embed')
  if (typeof embedder.model !== 'string' || embedder.model.trim() === '')
    throw new InvalidArgumentError(`${name}.model`, 'must be the name of the model')
  if (embedder.dimension !== dimension)
    throw new InvalidArgumentError(`${name}.dimension`, `must be ${dimension}, as the column has it`)
  return embedder
}

/**
 * Embeds texts and checks that there is one good vector for each.
 *
 * @throws {EmbeddingFailedError} when the embedder throws (`cause` is its error), or returns another number of vectors, or one
 *   that is not finite, of another dimension, or all zeros.
 */
export async function embedTexts<N extends number>(
  embedder: Embedder<N>,
  texts: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Vector<N>[]> {
  if (texts.length === 0) return []
  const vectors = await embed(embedder, texts, signal)
  if (!Array.isArray(vectors) || vectors.length !== texts.length)
    throw new EmbeddingFailedError('the embedder returned another number of vectors than it was given texts')
  try {
    return vectors.map((vector) => toEmbedding(vector, embedder.dimension))
  } catch (cause) {
    throw new EmbeddingFailedError('the embedder returned a vector that cannot be stored', { cause })
  }
}

async function embed(
  embedder: Embedder,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly VectorInput[]> {
  try {
    return await embedder.embed(texts, { signal })
  } catch (cause) {
    // an embedder that was told to stop has not failed
    signal?.throwIfAborted()
    throw new EmbeddingFailedError('the embedder failed', { cause })
  }
}
