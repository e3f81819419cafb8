/** Embeddings of documents whose similarity a test knows. */
import { Vector } from '../../src/vector/vector.ts'
import { direction as shortDirection } from '../memory/embeddings.ts'

export { cosine } from '../memory/embeddings.ts'

/** A direction that depends on the seed only; two of them are nearly at right angles. */
export function direction(seed: string | number): Vector<1536> {
  const parts = [0, 1, 2, 3].flatMap((part) => Array.from(shortDirection(`${seed} part ${part}`)))
  return Vector.create(parts, 1_536)
}

/** A direction near another one: the larger the share of the seed's own, the further away. */
export function near(center: Vector<1536>, seed: string | number, share: number): Vector<1536> {
  const own = direction(seed)
  return Vector.create(
    Array.from(center, (value, index) => value + share * (own[index] ?? 0)),
    1_536,
  )
}
