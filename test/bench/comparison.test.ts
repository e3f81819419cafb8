import { describe, expect, it } from 'vitest'
import { drawChart, drawCharts } from '../../bench/comparison/chart.ts'
import { assertAgent, assertOrder } from '../../bench/comparison/checks.ts'
import { replaceSection } from '../../bench/comparison/documentation.ts'
import { noiseOf } from '../../bench/comparison/noise.ts'
import { reasonOf } from '../../bench/comparison/peers.ts'
import { formatMarkdown, formatSetting, formatSummary, formatTime } from '../../bench/comparison/report.ts'
import type { ComparisonResult, Setting } from '../../bench/comparison/result.ts'
import { toCells } from '../../bench/comparison/run-comparison.ts'
import { judge, slowerSettings } from '../../bench/comparison/wanted.ts'
import { spreadOf, summarise } from '../../bench/harness/statistics.ts'
import type { AgentRow } from '../../bench/peers/peer.ts'

const read: Setting = { operation: 'read', network: 'loopback', concurrency: 1 }
const readFar: Setting = { ...read, network: '2 ms away' }

describe('toCells', () => {
  it('compares with the baseline and with ibex-db of the same round', () => {
    const [bare, ibex, prisma] = cellsOf(read, {
      'bare-pg': [100, 200],
      'ibex-db': [80, 400],
      prisma: [400, 800],
    })
    expect(bare?.toBaseline?.median).toBe(1)
    expect(ibex?.toBaseline?.median).toBeCloseTo(1.4)
    expect(prisma?.toIbex?.median).toBeCloseTo(3.5)
  })

  it('compares with no baseline where it does no such thing', () => {
    const [ibex] = cellsOf({ ...read, operation: 'unit' }, { 'ibex-db': [80], prisma: [400] })
    expect(ibex?.toBaseline).toBeNull()
  })

  it('takes the mean of the recalls, and none where nothing was searched', () => {
    const slices = [
      { microseconds: 1, recall: 1 },
      { microseconds: 1, recall: 0.5 },
    ]
    const [cell] = toCells({ ...read, operation: 'nearest' }, ['ibex-db'], [slices], [4])
    expect([cell?.recall, cell?.roundTrips]).toEqual([0.75, 4])
    expect(cellsOf(read, { 'ibex-db': [1] })[0]?.recall).toBeNull()
  })
})

describe('judge', () => {
  it('tells what is met and what is not', () => {
    const cells = [
      ...cellsOf(read, { 'bare-pg': [100], 'ibex-db': [90], prisma: [300] }),
      ...cellsOf(readFar, { 'bare-pg': [100], 'ibex-db': [110], prisma: [385], pg: [200] }),
    ]
    expect(judge(resultOf({ cells })).map(({ seen, isMet }) => [seen, isMet])).toEqual([
      ['0.90', true],
      ['1.10', false],
      ['3.50', true],
      ['3.33', true],
    ])
  })

  it('counts the round trips of the unit of work', () => {
    const setting: Setting = { ...readFar, operation: 'unit' }
    const slices = [[{ microseconds: 1, recall: null }]]
    const wishOf = (trips: number): boolean | undefined =>
      judge(resultOf({ cells: toCells(setting, ['ibex-db'], slices, [trips]) })).find(({ text }) =>
        text.includes('at most 6'),
      )?.isMet
    expect([wishOf(6), wishOf(7)]).toEqual([true, false])
  })
})

describe('slowerSettings', () => {
  it('lists the peers that are faster by more than 5 %, the fastest first, and never the baseline', () => {
    const cells = cellsOf(read, { 'bare-pg': [10], 'ibex-db': [110], pg: [100], knex: [50], prisma: [109] })
    const [slower, ...others] = slowerSettings(resultOf({ cells }))
    expect(slower?.peers.map(({ key, factor }) => [key, factor.toFixed(2)])).toEqual([
      ['knex', '2.20'],
      ['pg', '1.10'],
    ])
    expect(slower?.reason).toBe('no reason is known')
    expect(others).toEqual([])
  })
})

describe('noiseOf', () => {
  it('says nothing of a quiet run', () => {
    expect(noiseOf(cellsOf(read, { 'bare-pg': [100, 101, 102] }), 2.9, 2)).toEqual([])
  })

  it('names the load and the spread of the baseline, and not that of others', () => {
    expect(noiseOf([], 3.1, 2)).toEqual(['the load was 3.1 on 2 cores before the run began'])
    expect(noiseOf(cellsOf(read, { 'bare-pg': [100, 200, 300] }), 0, 2)).toEqual([
      expect.stringContaining('up to 0.50 of its median apart'),
    ])
    expect(noiseOf(cellsOf(read, { prisma: [100, 200, 300] }), 0, 2)).toEqual([])
  })
})

describe('the report', () => {
  const cells = cellsOf(read, { 'bare-pg': [100, 100], 'ibex-db': [80, 80], prisma: [1_250, 1_250] })
  const leftOut = [{ key: 'knex', reason: 'Cannot find package' }]

  it('prints a line a contender, the fastest first', () => {
    const lines = formatSetting(cells, false).split('\n')
    expect(lines.map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
      'read by id, loopback, 1 at a time|time|quartiles|spread|per s|to baseline|to ibex-db',
      'ibex-db|80 µs|80 µs-80 µs|0.00|12,500|0.80|1.00',
      'bare-pg|100 µs|100 µs-100 µs|0.00|10,000|1.00|1.25',
      'prisma|1.25 ms|1.25 ms-1.25 ms|0.00|800|12.50|15.63',
    ])
  })

  it('names who was left out, and that the run was noisy, on the terminal and in Markdown', () => {
    const result = resultOf({ cells, leftOut, noise: ['the load was 9.0 on 2 cores'] })
    for (const text of [formatSummary(result), formatMarkdown(result)]) {
      expect(text).toContain('knex: Cannot find package')
      expect(text).toContain('This run is noisy')
    }
    expect(formatMarkdown(resultOf({ cells }))).not.toMatch(/noisy|Left out/)
  })

  it('has a row a contender in Markdown, with a dash for what it does not do', () => {
    const unit = cellsOf({ ...read, operation: 'unit' }, { 'ibex-db': [160], prisma: [3_200] })
    const lines = formatMarkdown(resultOf({ cells: [...cells, ...unit] })).split('\n')
    expect(lines.filter((line) => /^\|.*µs/.test(line)).map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      '| bare-pg 1.0.0 | 100 µs (1.25) | - |',
      '| **ibex-db** 1.0.0 | 80 µs | 160 µs |',
    ])
  })

  it.each([
    [81.4, '81 µs'],
    [1_500, '1.50 ms'],
    [15_000, '15.0 ms'],
    [150_000, '150 ms'],
    [2_500_000, '2.50 s'],
  ])('writes %d microseconds as %s', (microseconds, text) => {
    expect(formatTime(microseconds)).toBe(text)
  })
})

describe('the charts', () => {
  it('draws bars as long as their values, and escapes names', () => {
    const svg = drawChart('A & B', [
      {
        title: '<read>',
        bars: [
          { label: 'one', value: 50, role: 'ibex-db' },
          { label: 'two', value: 100, role: 'peer' },
        ],
      },
    ])
    const widths = [...svg.matchAll(/class="(?:ibex-db|peer)" .*?width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    )
    expect(widths).toHaveLength(2)
    expect((widths[1] ?? 0) / (widths[0] ?? 1)).toBeCloseTo(2)
    expect(svg).toContain('A &amp; B')
    expect(svg).toContain('&lt;read&gt;')
  })

  it('draws the groups that were measured, the fastest bar on top', () => {
    const cells = cellsOf(read, { 'bare-pg': [100], 'ibex-db': [80], prisma: [1_250] })
    const [chart, ...others] = drawCharts(resultOf({ cells }))
    expect(others).toEqual([])
    expect(chart?.title).toBe('Small work, loopback, one at a time')
    const labels = [...(chart?.svg ?? '').matchAll(/text-anchor="end"[^>]*>([^<]+)</g)].map(
      ([, label]) => label,
    )
    expect(labels).toEqual(['ibex-db', 'bare-pg', 'prisma'])
  })
})

describe('replaceSection', () => {
  const begin = '<!-- comparison: generated by npm run bench:docs -->'
  const end = '<!-- comparison: end -->'

  it('replaces what stands between the markers and nothing else', () => {
    expect(replaceSection(`a\n${begin}\nold\n${end}\nb`, 'new\n')).toBe(`a\n${begin}\n\nnew\n\n${end}\nb`)
  })

  it.each(['no markers', `${end}${begin}`, begin])('throws when a marker is missing: %s', (document) => {
    expect(() => replaceSection(document, 'new')).toThrow('lacks the lines')
  })
})

describe('assertAgent', () => {
  const agent: AgentRow = {
    org_id: 'o',
    id: 'i',
    name: 'n',
    slug: 's',
    tagline: null,
    status: 'active',
    tags: ['a'],
    created_at: new Date('2026-01-01T00:00:00.123Z'),
  }

  it('takes a time as a text, and further columns', () => {
    const answer = { ...agent, created_at: '2026-01-01 01:00:00.123456+01', other: 1 }
    expect(() => assertAgent(answer, agent)).not.toThrow()
  })

  it.each([
    ['tags', { tags: [] }],
    ['tagline', { tagline: '' }],
    ['created_at', { created_at: new Date(0) }],
  ])('throws when another %s came back', (column, change) => {
    expect(() => assertAgent({ ...agent, ...change }, agent)).toThrow(`asked for: ${column}`)
  })

  it('throws when no row came back', () => {
    expect(() => assertAgent(null, agent)).toThrow('no row')
  })
})

describe('assertOrder', () => {
  it('throws when the order, or the number, is another', () => {
    expect(() => assertOrder(['a', 'b'], ['a', 'b'])).not.toThrow()
    expect(() => assertOrder(['b', 'a'], ['a', 'b'])).toThrow('another order')
    expect(() => assertOrder(['a'], ['a', 'b'])).toThrow('another order')
  })
})

describe('spreadOf', () => {
  it('is the distance of the quartiles by the median', () => {
    expect(spreadOf(summarise([1, 2, 3, 4, 5]))).toBeCloseTo(2 / 3)
  })
})

describe('reasonOf', () => {
  it('is the first line that says something', () => {
    expect(reasonOf(new Error('\n  Invalid call\n  at x'))).toBe('Invalid call')
    expect(reasonOf('thrown')).toBe('thrown')
  })
})

function cellsOf(
  setting: Setting,
  microseconds: Readonly<Record<string, readonly number[]>>,
): ComparisonResult['cells'] {
  const slices = Object.values(microseconds).map((ofOne) =>
    ofOne.map((time) => ({ microseconds: time, recall: null })),
  )
  return toCells(setting, Object.keys(microseconds), slices, [])
}

/** A result with the contenders of its cells. */
function resultOf(given: Partial<ComparisonResult> & Pick<ComparisonResult, 'cells'>): ComparisonResult {
  const keys = [...new Set(given.cells.map(({ peer }) => peer))]
  return {
    startedAt: '2026-01-01T00:00:00.000Z',
    isQuick: false,
    serverVersion: '17.0',
    nodeVersion: 'v24.0.0',
    machine: { cores: 2, memoryGiB: 24 },
    load: { before: 0, after: 1 },
    noise: [],
    rounds: 2,
    peers: keys.map((key) => ({ key, name: key, version: '1.0.0' })),
    leftOut: [],
    ...given,
  }
}
