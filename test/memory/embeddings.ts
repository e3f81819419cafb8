/** Embeddings whose similarity a test knows. */
import { createHash } from 'node:crypto'
import { Vector } from '../../src/vector/vector.ts'

/** A direction that depends on the seed only; two of them are nearly at right angles. */
export function direction(seed: string | number): Vector<384> {
  const bytes: number[] = []
  for (let block = 0; bytes.length < 768; block++)
    bytes.push(...createHash('sha256').update(`${seed} ${block}`).digest())
  const pairs = Array.from(
    { length: 384 },
    (_, index) => (bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0),
  )
  return Vector.create(
    pairs.map((value) => value / 32_768 - 1),
    384,
  )
}

/** A direction near another one: the larger the share of the seed's own, the further away. */
export function near(center: Vector<384>, seed: string | number, share: number): Vector<384> {
  const own = direction(seed)
  return Vector.create(
    Array.from(center, (value, index) => value + share * (own[index] ?? 0)),
    384,
  )
}

/** Cosine similarity, computed by the definition. */
export function cosine(one: Float32Array, other: Float32Array): number {
  let product = 0
  let oneSquared = 0
  let otherSquared = 0
  for (const [index, value] of one.entries()) {
    const otherValue = other[index] ?? 0
    product += value * otherValue
    oneSquared += value * value
    otherSquared += otherValue * otherValue
  }
  return product / Math.sqrt(oneSquared * otherSquared)
}
