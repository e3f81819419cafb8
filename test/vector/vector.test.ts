import { describe, expect, test } from 'vitest'
import { InvalidVectorError } from '../../src/errors.ts'
import { vectorText } from '../../src/database/vector-text.ts'
import { Vector } from '../../src/vector/vector.ts'
import { randomFrom } from '../support/random.ts'

test('is a Float32Array of its dimension', () => {
  const vector = Vector.create([1, 0.5, -2], 3)
  expect(vector).toBeInstanceOf(Vector)
  expect(vector).toBeInstanceOf(Float32Array)
  expect([...vector]).toEqual([1, 0.5, -2])
  expect(vector).toHaveLength(3)
})

test('copies what it is made of', () => {
  const values = new Float32Array([1, 2])
  const vector = Vector.create(values, 2)
  values[0] = 9
  expect([...vector]).toEqual([1, 2])
  expect([...Vector.create(vector, 2)]).toEqual([1, 2])
})

test('rounds numbers to 4-byte floats', () => {
  const vector = Vector.create([0.1, 1e-50, 3.4e38, -0], 4)
  expect([...vector]).toEqual([Math.fround(0.1), 0, Math.fround(3.4e38), -0])
})

test('writes what PostgreSQL reads, and reads what it writes', () => {
  const vector = Vector.create([1, -0, 0.1, 1e-7, 3.4e38], 5)
  const text = vector.toPostgres()
  expect(text).toMatch(/^\[[^\s[\]]+\]$/)
  // PostgreSQL has no -0 in its text, and 0 equals it
  expect(Vector.parse(text)).toEqual(Vector.create([1, 0, 0.1, 1e-7, 3.4e38], 5))
  expect(Vector.parse('[1,2.5,-3e-05]').toJSON()).toEqual([1, 2.5, Math.fround(-3e-5)])
})

test('writes every 4-byte float so that it is read as the same one', () => {
  const floats = new Float32Array(100_000)
  const bits = new Uint32Array(floats.buffer)
  const next = randomFrom(20_261_128)
  for (let index = 0; index < bits.length; index++) bits[index] = next(2 ** 32)
  const finite = floats.filter((value) => Number.isFinite(value) && value !== 0)
  expect(finite.length).toBeGreaterThan(99_000)
  expect(Vector.parse(vectorText(finite))).toEqual(Vector.create(finite, finite.length))
})

test('writes whole numbers as they are, and others with nine digits', () => {
  expect(vectorText(new Float32Array([0, -3, 999_999_936, 1e9, 0.1]))).toBe(
    '[0,-3,999999936,1.00000000e+9,0.100000001]',
  )
  expect(vectorText(new Float32Array())).toBe('[]')
})

test.each(['[1,secret]', '"secret"', '7'])(
  'refuses the text %s, which is none, without quoting it',
  (text) => {
    expect(() => Vector.parse(text)).toThrow(InvalidVectorError)
    expect(() => Vector.parse(text)).toThrow(/^(?!.*secret)/)
  },
)

test('becomes a plain array in JSON', () => {
  expect(JSON.stringify({ embedding: Vector.create([1, 2], 2) })).toBe('{"embedding":[1,2]}')
})

test('gives plain Float32Arrays from methods whose result has another dimension', () => {
  const vector = Vector.create([1, 2, 3], 3)
  for (const made of [
    vector.map((value) => value * 2),
    vector.slice(1),
    vector.subarray(1),
    vector.filter(Boolean),
  ]) {
    expect(made).toBeInstanceOf(Float32Array)
    expect(made).not.toBeInstanceOf(Vector)
  }
})

describe('refuses', () => {
  const sparse: number[] = []
  sparse[0] = 1
  sparse[2] = 3
  test.each<[string, unknown]>([
    ['NaN', [1, Number.NaN, 3]],
    ['Infinity', [1, Number.POSITIVE_INFINITY, 3]],
    ['-Infinity', [1, Number.NEGATIVE_INFINITY, 3]],
    ['a number too large for a 4-byte float', [1, 1e39, 3]],
    ['a text among the numbers', [1, '2', 3]],
    ['null among the numbers', [1, null, 3]],
    ['a bigint among the numbers', [1, 2n, 3]],
    ['a hole', sparse],
    ['NaN in a Float32Array', new Float32Array([1, Number.NaN, 3])],
  ])('%s, by its index and not its value', (_, values) => {
    const create = (): unknown => Vector.create(values as number[], 3)
    expect(create).toThrow(InvalidVectorError)
    expect(create).toThrow(/^vector holds no finite number at index 1: /)
  })

  test.each([
    ['too few', [1, 2]],
    ['too many', [1, 2, 3, 4]],
    ['none', []],
  ])('%s numbers', (_, values) => {
    expect(() => Vector.create(values, 3)).toThrow(InvalidVectorError)
    expect(() => Vector.create(values, 3)).toThrow(`vector has ${values.length} dimensions, 3 are needed`)
  })

  test.each<[string, unknown]>([
    ['text', '[1,2,3]'],
    ['null', null],
    ['undefined', undefined],
    ['an object with a length', { length: 3, 0: 1, 1: 2, 2: 3 }],
    ['8-byte floats', new Float64Array(3)],
    ['bytes', new Uint8Array(3)],
  ])('%s', (_, values) => {
    expect(() => Vector.create(values as number[], 3)).toThrow(InvalidVectorError)
  })
})
