/** An embedder without a model, for tests and examples. */
import { hash } from 'node:crypto'
import { InvalidArgumentError } from '../errors.ts'
import { Vector } from '../vector/vector.ts'
import type { EmbedOptions, Embedder } from './embedder.ts'
import { lexicalFeatures } from './lexical-features.ts'

const dimension = 384

/** The lexical embedder: an `Embedder` whose vectors are `Vector<384>`. */
export interface LexicalEmbedder extends Embedder<384> {
  embed(texts: readonly string[], options?: EmbedOptions): Promise<readonly Vector<384>[]>
}

/**
 * Embeds texts by the words and letter sequences that they share: **lexical, not semantic**, for tests and examples.
 *
 * "dog" and "dogs" are close to each other, "dog" and "puppy" are not. It needs no model, no download and no network, and
 * the same text gives the same vector on every machine. For real use, supply a model through {@link Embedder}.
 *
 * Words and their 3- and 4-character sequences are counted, each count weighs 1 + ln(count), and every feature is added
 * or subtracted at one of 384 places, place and sign chosen by its SHA-256: the signed hashing trick (Weinberger, Dasgupta,
 * Langford, Smola, Attenberg: "Feature Hashing for Large Scale Multitask Learning", ICML 2009). The vector is scaled to
 * length 1.
 *
 * ```ts
 * const [embedding] = await lexicalEmbedder.embed(['Ana lives in Porto.'])
 * ```
 *
 * @throws {InvalidArgumentError} when a text is empty or blank: it has no direction, and the cosine distance of a zero
 * vector is NaN.
 */
export const lexicalEmbedder: LexicalEmbedder = { model: 'lexical-hashing-v1', dimension, embed }

// async, so that a blank text and an aborted signal are rejections, as they are with every other embedder.
// oxlint-disable-next-line typescript/require-await
async function embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Vector<384>[]> {
  const places = new FeaturePlaces()
  return texts.map((text, index) => {
    options.signal?.throwIfAborted()
    if (text.trim() === '') {
      throw new InvalidArgumentError(`texts[${index}]`, 'is empty: leave blank texts out before embedding')
    }
    return embedText(text, places)
  })
}

function embedText(text: string, places: FeaturePlaces): Vector<384> {
  const sums = new Float64Array(dimension)
  for (const [feature, count] of lexicalFeatures(text)) {
    const { index, sign } = places.find(feature)
    sums[index] = (sums[index] ?? 0) + sign * (1 + Math.log(count))
  }
  const length = Math.hypot(...sums)
  // Features of a very short text can cancel each other out; the text as a whole then takes one place.
  if (length === 0) sums[places.find(`text:${text}`).index] = 1
  return Vector.create(
    Array.from(sums, (sum) => sum / (length || 1)),
    dimension,
  )
}

interface FeaturePlace {
  readonly index: number
  readonly sign: 1 | -1
}

/** Remembers for one batch where a feature goes: letter sequences repeat a lot, and a SHA-256 takes about 0.7 µs. */
class FeaturePlaces {
  readonly #places = new Map<string, FeaturePlace>()

  find(feature: string): FeaturePlace {
    const known = this.#places.get(feature)
    if (known !== undefined) return known
    const digest = hash('sha256', feature, 'buffer')
    const place = {
      index: digest.readUInt32BE(0) % dimension,
      sign: (digest.readUInt8(4) & 1) === 0 ? 1 : -1,
    } as const
    this.#places.set(feature, place)
    return place
  }
}
