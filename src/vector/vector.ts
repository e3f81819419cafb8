/** The value of a `vector` column. */
import { vectorText } from '../database/vector-text.ts'
import { InvalidVectorError } from '../errors.ts'

/** What a vector can be made of. */
export type VectorInput = readonly number[] | Float32Array

/**
 * An embedding of `N` dimensions: a Float32Array (pgvector stores 4-byte floats) that knows how PostgreSQL writes it.
 *
 * `N` is part of the type: a `Vector<1536>` does not fit where a `Vector<384>` is asked for.
 *
 * ```ts
 * const embedding = Vector.create(await model.embed(text), 384)
 * ```
 */
export class Vector<N extends number = number> extends Float32Array {
  declare readonly length: N

  /**
   * Makes a vector of exactly `dimension` finite numbers; numbers are rounded to 4-byte floats.
   *
   * @throws {InvalidVectorError} when the dimension differs, or a number is NaN, infinite or too large for a 4-byte float.
   */
  static create<N extends number>(values: VectorInput, dimension: N): Vector<N> {
    if (!Array.isArray(values) && !(values instanceof Float32Array)) {
      throw new InvalidVectorError('vector must be an array of numbers or a Float32Array')
    }
    if (values.length !== dimension) {
      throw new InvalidVectorError(
        `vector has ${values.length} dimensions, ${dimension} are needed: embed with the model of the column`,
      )
    }
    const vector = new Vector<N>(values.length)
    for (let index = 0; index < dimension; index++) {
      const value: unknown = values[index]
      if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
        throw new InvalidVectorError(
          `vector holds no finite number at index ${index}: pgvector stores finite 4-byte floats only`,
        )
      }
      vector[index] = value
    }
    return vector
  }

  /**
   * Reads PostgreSQL's text form, `[1,2,3]`, which is JSON too: its parser is more than twice as quick as splitting the text.
   *
   * @throws {InvalidVectorError} when it is something else.
   */
  static parse(text: string): Vector {
    const values = fromJson(text)
    if (!Array.isArray(values))
      throw new InvalidVectorError("the text is no vector as PostgreSQL writes one: '[1,2,3]'")
    // of the text form PostgreSQL writes, which holds numbers only
    return new Vector(values as number[])
  }

  // methods of Float32Array that make a new array (map, slice …) make a plain one: its dimension is not this one's
  static get [Symbol.species](): Float32ArrayConstructor {
    return Float32Array
  }

  /** The text form, `[1,2,3]`; the driver calls it. */
  toPostgres(): string {
    return vectorText(this)
  }

  /** Plain numbers, so that JSON holds an array and not an object of indexes. */
  toJSON(): number[] {
    return Array.from(this)
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
