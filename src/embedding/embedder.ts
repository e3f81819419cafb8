/** What callers supply to turn texts into vectors. */
import type { VectorInput } from '../vector/vector.ts'

/**
 * What turns texts into vectors, supplied by the caller: the library stores and compares vectors, it never makes them.
 *
 * Wrap the model of your choice in it. Vectors of different models cannot be compared, so `model` is stored beside
 * every embedding (`memories.embedding_model`); give a new version of a model a new name.
 *
 * ```ts
 * const embedder: Embedder<384> = {
 *   model: 'all-MiniLM-L6-v2',
 *   dimension: 384,
 *   embed: async (texts, options) => await myModelServer.embed(texts, options?.signal),
 * }
 * ```
 */
export interface Embedder<N extends number = number> {
  /** The name of the model and its version. */
  readonly model: string
  /** How many numbers each vector has; `memories.embedding` takes 384. */
  readonly dimension: N
  /**
   * Embeds a batch: one vector for each text, in the same order, of `dimension` finite numbers that are not all zero
   * (the cosine distance of a zero vector is NaN).
   */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<readonly VectorInput[]>
}

/** How one batch is embedded. */
export interface EmbedOptions {
  /** Stops the work: the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}
