/** The memories of the benchmark of scale: the same for a tenant in every data set, and in every run. */
import { createHash } from 'node:crypto'
import { seededRandom } from '../memory/memory-data.ts'
import type { PlannedTenant } from './scale-plan.ts'

/** A memory as it is copied into the table. */
export interface ScaleRow {
  readonly id: Buffer
  readonly content: string
  readonly contentHash: string
  readonly embedding: Float32Array
  readonly topic: number
  /** Microseconds since the year 2000, which is how PostgreSQL counts. */
  readonly createdAt: bigint
}

const dimension = 384
const topics = 2_000
const words = 3_000
const spread = 0.8
// 2025-01-01, and the two years after it
const firstDay = 788_918_400_000_000n
const twoYears = 2 * 365 * 86_400

/** Vectors around 2,000 centers. Noise is cut from one long list of normal numbers: 384 million logarithms take too long. */
class VectorSpace {
  readonly #centers: Float32Array
  readonly #noise: Float32Array

  constructor() {
    const random = seededRandom(20_261_128)
    const gauss = (): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())
    this.#centers = Float32Array.from({ length: topics * dimension }, gauss)
    this.#noise = Float32Array.from({ length: 4_000_037 }, gauss)
  }

  /** A vector of this topic; `distance` is how far from its center. */
  near(topic: number, distance: number, random: () => number): Float32Array {
    const center = topic * dimension
    const start = Math.floor(random() * (this.#noise.length - dimension))
    const vector = this.#centers.slice(center, center + dimension)
    for (let index = 0; index < dimension; index++)
      vector[index] = (vector[index] ?? 0) + distance * (this.#noise[start + index] ?? 0)
    return vector
  }
}

let space: VectorSpace | undefined

/** Makes the memories of one tenant, one after the other. */
export class TenantRows {
  readonly #key: string
  readonly #random: () => number
  readonly #topics: readonly number[]
  readonly #space: VectorSpace
  #made = 0

  constructor(tenant: PlannedTenant) {
    this.#space = space ??= new VectorSpace()
    this.#key = `tenant ${tenant.number} of ${tenant.rows}`
    this.#random = seededRandom(digest(this.#key).readInt32LE())
    this.#topics = Array.from({ length: topicsOf(tenant.rows) }, () => Math.floor(this.#random() * topics))
  }

  next(): ScaleRow {
    const random = this.#random
    const number = this.#made++
    const topic = this.#topic(random)
    const said = Array.from({ length: 12 }, () => zipfWord(random))
    const content = `The user said ${said.join(' ')} ${number}`
    return {
      id: this.idOf(number),
      content,
      contentHash: digest(content).toString('hex'),
      embedding: this.#space.near(topic, spread, random),
      topic,
      createdAt: firstDay + BigInt(Math.floor(random() * twoYears)) * 1_000_000n,
    }
  }

  /** Vectors to search with: around the topics of the tenant, a little farther from them, and equal to no memory. */
  questions(count: number): Float32Array[] {
    const random = seededRandom(digest(`${this.#key}, questions`).readInt32LE())
    return Array.from({ length: count }, () => this.#space.near(this.#topic(random), spread + 0.1, random))
  }

  /** The id of a memory, by its place among those of the tenant. */
  idOf(number: number): Buffer {
    return digest(`${this.#key}, memory ${number}`).subarray(0, 16)
  }

  #topic(random: () => number): number {
    return this.#topics[Math.floor(random() * this.#topics.length)] ?? 0
  }
}

/** A word of 3,000, the first ones far more frequent than the last. */
export function zipfWord(random: () => number): string {
  return `word${Math.floor(words ** random()) - 1}`
}

/** A tenant returns to few topics again and again: 6 of 30 memories, 142 of 20,000. */
function topicsOf(rows: number): number {
  return Math.ceil(Math.sqrt(rows))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The order in which the memories of all tenants arrive, mixed as they would be in a service: indexes of tenants. */
export function mixedOrder(tenants: readonly PlannedTenant[]): Uint16Array {
  const order = new Uint16Array(tenants.reduce((sum, { rows }) => sum + rows, 0))
  let start = 0
  for (const [index, { rows }] of tenants.entries()) {
    order.fill(index, start, start + rows)
    start += rows
  }
  const random = seededRandom(order.length)
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const moved = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = moved
  }
  return order
}

/** The id of a tenant: probes of one size lie in different partitions, all others where the hash puts them. */
export function orgIdOf({ number, rows }: PlannedTenant): string {
  const hex = createHash('sha256').update(`organization of ${rows}, ${number}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
