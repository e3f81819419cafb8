import { describe, expect, it } from 'vitest'
import { measureInTurn, runSlice, shuffle } from '../../bench/harness/rounds.ts'
import type { RoundPlan } from '../../bench/harness/rounds.ts'

const plan: RoundPlan = { rounds: 3, warmUp: true, signal: new AbortController().signal }

describe('measureInTurn', () => {
  it('runs every contender once in every round, in orders of their own', async () => {
    const order: string[] = []
    const slice = async (name: string): Promise<number> => await Promise.resolve(order.push(name))
    await measureInTurn(['a', 'b', 'c'], slice, { ...plan, rounds: 20 })
    const rounds = Array.from({ length: 21 }, (_, round) => order.slice(round * 3, round * 3 + 3).join(''))
    expect(rounds.map((round) => round.split('').toSorted().join(''))).toEqual(rounds.map(() => 'abc'))
    expect(order).toHaveLength(63)
    expect(new Set(rounds).size).toBeGreaterThan(1)
  })

  it('leaves the round out that warms up, and has none where none is asked for', async () => {
    let slices = 0
    const slice = async (): Promise<number> => await Promise.resolve((slices += 1))
    expect(await measureInTurn(['a'], slice, plan)).toEqual([[2, 3, 4]])
    expect(await measureInTurn(['a'], slice, { ...plan, warmUp: false })).toEqual([[5, 6, 7]])
  })

  it('returns what each contender has found, in the order of the contenders', async () => {
    expect(
      await measureInTurn(['a', 'b'], async (name) => await Promise.resolve(name), { ...plan, rounds: 2 }),
    ).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ])
  })

  it('stops when it is aborted', async () => {
    const interruption = new AbortController()
    const slice = async (): Promise<void> =>
      await Promise.resolve(interruption.abort(new Error('interrupted')))
    const endless = { ...plan, rounds: 1_000_000, signal: interruption.signal }
    await expect(measureInTurn(['a'], slice, endless)).rejects.toThrow('interrupted')
  })
})

describe('runSlice', () => {
  it('reports the time of one piece of work: of twenty milliseconds, four at once take five each', async () => {
    const startedAt = performance.now()
    const { microseconds, answers } = await runSlice({
      next: () => 0,
      run: sleep,
      concurrency: 4,
      sliceMs: 0,
    })
    const elapsed = (performance.now() - startedAt) * 1_000
    expect(answers).toHaveLength(4)
    // a timer may be a millisecond early, and a busy machine makes all of it longer
    expect(microseconds).toBeGreaterThan(19_000 / 4)
    expect(microseconds * 4).toBeLessThanOrEqual(elapsed)
  })

  it('keeps as many under way as it was told', async () => {
    let underWay = 0
    let most = 0
    const run = async (): Promise<void> => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay -= 1
    }
    await runSlice({ next: () => 0, run, concurrency: 4, sliceMs: 5 })
    expect(most).toBe(4)
  })

  it('asks once for each that works when it has no time, and pairs each answer with its question', async () => {
    let asked = 0
    const { answers } = await runSlice({
      next: () => (asked += 1),
      run: async (input) => await Promise.resolve(input * 10),
      concurrency: 3,
      sliceMs: 0,
    })
    expect(answers).toEqual([
      { input: 1, output: 10 },
      { input: 2, output: 20 },
      { input: 3, output: 30 },
    ])
    expect(asked).toBe(3)
  })
})

describe('shuffle', () => {
  it('keeps every element and finds every order', () => {
    const orders = Array.from({ length: 500 }, () => shuffle(['a', 'b', 'c']).join(''))
    expect([...new Set(orders)].toSorted()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])
  })
})

async function sleep(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20))
}
