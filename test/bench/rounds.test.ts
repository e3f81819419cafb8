import { describe, expect, it } from 'vitest'
import type { Contender } from '../../bench/contenders/contender.ts'
import { measureInTurn, shuffle } from '../../bench/harness/rounds.ts'
import type { RoundPlan } from '../../bench/harness/rounds.ts'
import type { ReadTarget } from '../../bench/seed.ts'

const targets: readonly ReadTarget[] = [
  { orgId: 'org-1', id: 'agent-1', row: { name: 'one', tags: ['a'] } },
  { orgId: 'org-1', id: 'agent-2', row: { name: 'two', tags: [] } },
]
const plan: RoundPlan = { rounds: 3, sliceMs: 5, concurrency: 1, signal: new AbortController().signal }

describe('measureInTurn', () => {
  it('runs every contender once in every round', async () => {
    const order: string[] = []
    const once = { ...plan, rounds: 20, sliceMs: 0 }
    await measureInTurn(
      ['a', 'b', 'c'].map((name) => honest(name, () => order.push(name))),
      targets,
      once,
    )
    const rounds = Array.from({ length: 21 }, (_, round) => order.slice(round * 3, round * 3 + 3))
    expect(rounds.map((round) => round.toSorted().join(''))).toEqual(rounds.map(() => 'abc'))
    expect(order).toHaveLength(63)
  })

  it('leaves the first round out, which warms up', async () => {
    const [measurement] = await measureInTurn([honest('a')], targets, plan)
    expect(measurement?.microseconds).toHaveLength(3)
  })

  it('reports the time of one read: twice as many at once halve it', async () => {
    const waiting = honest('a', async () => await new Promise((resolve) => setTimeout(resolve, 20)))
    const [one] = await measureInTurn([waiting], targets, { ...plan, rounds: 1 })
    const [two] = await measureInTurn([waiting], targets, { ...plan, rounds: 1, concurrency: 2 })
    expect(one?.microseconds[0]).toBeGreaterThan(19_000)
    expect((one?.microseconds[0] ?? 0) / (two?.microseconds[0] ?? 0)).toBeGreaterThan(1.5)
  })

  it('keeps as many reads under way as it was told', async () => {
    let underWay = 0
    let most = 0
    const counting = honest('a', async () => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay -= 1
    })
    await measureInTurn([counting], targets, { ...plan, concurrency: 4 })
    expect(most).toBe(4)
  })

  it.each([
    ['another row', { name: 'one', tags: ['b'] }],
    ['a row that lacks a column', { name: 'one' }],
    ['no row', undefined],
  ])('throws when a contender answers with %s', async (_, row) => {
    const wrong: Contender = { name: 'wrong', label: 'wrong', read: async () => await Promise.resolve(row) }
    await expect(measureInTurn([wrong], targets.slice(0, 1), plan)).rejects.toThrow(
      'wrong answered with another row',
    )
  })

  it('stops when it is aborted', async () => {
    const interruption = new AbortController()
    const interrupting = honest('a', () => interruption.abort(new Error('interrupted')))
    const endless = { ...plan, rounds: 1_000_000, signal: interruption.signal }
    await expect(measureInTurn([interrupting], targets, endless)).rejects.toThrow('interrupted')
  })
})

describe('shuffle', () => {
  it('keeps every element and finds every order', () => {
    const orders = Array.from({ length: 500 }, () => shuffle(['a', 'b', 'c']).join(''))
    expect([...new Set(orders)].toSorted()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])
  })
})

/** Answers with the row that was asked for, after doing what the test wants to see. */
function honest(name: string, act: () => unknown = () => undefined): Contender {
  const read = async (target: ReadTarget): Promise<unknown> => {
    await act()
    return structuredClone(target.row)
  }
  return { name, label: name, read }
}
