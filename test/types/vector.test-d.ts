import { expectTypeOf } from 'vitest'
import { Vector } from '../../src/vector/vector.ts'
import type { VectorInput } from '../../src/vector/vector.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'

declare const short: Vector<384>
declare const long: Vector<1536>
declare const unknownLength: Vector

expectTypeOf(Vector.create([1, 2], 2)).toEqualTypeOf<Vector<2>>()
expectTypeOf(short.length).toEqualTypeOf<384>()
expectTypeOf(short.toJSON()).toEqualTypeOf<number[]>()
expectTypeOf(Vector.parse('[1]')).toEqualTypeOf<Vector>()

// every vector is one of some dimension, and not the other way round
const anyVector: Vector = short
const input: VectorInput = short
const memory: Pick<MemoryInput, 'embedding'> = { embedding: short }
// @ts-expect-error another dimension
const tooLong: Vector<384> = long
// @ts-expect-error another dimension
const tooShort: Vector<1536> = short
// @ts-expect-error a dimension that nobody has checked
const unchecked: Vector<384> = unknownLength
// @ts-expect-error numbers that nobody has checked
const plain: Vector<384> = [1, 2, 3]
// @ts-expect-error floats that nobody has checked
const floats: Vector<384> = new Float32Array(384)
// @ts-expect-error text is parsed first
const text: VectorInput = '[1,2,3]'

export { anyVector, floats, input, memory, plain, text, tooLong, tooShort, unchecked }
