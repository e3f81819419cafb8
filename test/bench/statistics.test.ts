import { describe, expect, it } from 'vitest'
import { pairedRatios, quantile, summarise } from '../../bench/harness/statistics.ts'

describe('summarise', () => {
  it('finds the median and the quartiles of values in any order', () => {
    expect(summarise([5, 1, 4, 2, 3])).toEqual({ median: 3, lowerQuartile: 2, upperQuartile: 4 })
  })

  it('does not let one outlier move the median', () => {
    expect(summarise([10, 11, 12, 13, 9_000]).median).toBe(12)
  })

  it('leaves its input in the order it had', () => {
    const values = [3, 1, 2]
    summarise(values)
    expect(values).toEqual([3, 1, 2])
  })

  it('throws when there is nothing to summarise', () => {
    expect(() => summarise([])).toThrow(RangeError)
  })
})

describe('quantile', () => {
  it('interpolates between the two nearest values', () => {
    expect(quantile([10, 20], 0.25)).toBe(12.5)
    expect(quantile([10, 20, 40, 80], 0.5)).toBe(30)
  })

  it('is the smallest value at 0 and the largest at 1', () => {
    expect([quantile([7, 5, 9], 0), quantile([7, 5, 9], 1)]).toEqual([5, 9])
  })
})

describe('pairedRatios', () => {
  it('divides round by round, so that a machine that slows down changes nothing', () => {
    expect(pairedRatios([110, 1_100], [100, 1_000])).toEqual([1.1, 1.1])
  })

  it('throws when a round is missing', () => {
    expect(() => pairedRatios([1, 2], [1])).toThrow(RangeError)
  })
})
