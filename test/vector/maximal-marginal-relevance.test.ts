import { expect, test } from 'vitest'
import { maximalMarginalRelevance } from '../../src/vector/maximal-marginal-relevance.ts'

const candidates = [
  { name: 'best', relevance: 1, embedding: Float32Array.of(3, 0) },
  { name: 'same', relevance: 0.95, embedding: Float32Array.of(1, 0) },
  { name: 'other', relevance: 0.6, embedding: Float32Array.of(0, 2) },
  { name: 'opposite', relevance: 0.1, embedding: Float32Array.of(-1, 0) },
]

function names(lambda: number, limit = 4): string[] {
  return maximalMarginalRelevance(candidates, { lambda, limit }).map(({ name }) => name)
}

test('keeps the order of relevance with a lambda of 1', () => {
  expect(names(1)).toEqual(['best', 'same', 'other', 'opposite'])
})

test('takes what differs from those chosen before what repeats them', () => {
  // other: 0.3 - 0; opposite: 0.05 + 0.5; same: 0.475 - 0.5
  expect(names(0.5, 3)).toEqual(['best', 'opposite', 'other'])
  // other: 0.42 - 0; same: 0.665 - 0.3; opposite: 0.07 + 0.3
  expect(names(0.7, 2)).toEqual(['best', 'other'])
})

test('chooses as many as there are, and none of none', () => {
  expect(names(0.5, 100).toSorted()).toEqual(['best', 'opposite', 'other', 'same'])
  expect(maximalMarginalRelevance([], { lambda: 0.5, limit: 3 })).toEqual([])
})
