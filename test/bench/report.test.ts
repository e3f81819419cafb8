import { describe, expect, it } from 'vitest'
import { formatTable, toFigures } from '../../bench/report.ts'
import type { Measurement } from '../../bench/rounds.ts'

const setting = { network: 'loopback', concurrency: 16, wantedRatio: 1.15 }

describe('toFigures', () => {
  it('takes the first contender as the baseline and compares round by round', () => {
    const figures = toFigures(setting, [
      measured('bare', [100, 200, 300]),
      measured('other', [120, 220, 450]),
    ])
    expect(figures.map(({ contender, ratioToBare }) => [contender, ratioToBare.median])).toEqual([
      ['bare', 1],
      ['other', 1.2],
    ])
  })
})

describe('formatTable', () => {
  it('prints a line a contender with its time, its speed and its ratio, and what is wanted', () => {
    const figures = toFigures(setting, [measured('bare', [100, 100]), measured('slow', [1_250, 1_250])])
    const lines = formatTable(setting, figures).split('\n')
    expect(lines.map((line) => line.trim().replaceAll(/ {2,}/g, '|'))).toEqual([
      'loopback, 16 at a time|µs per read|quartiles|reads/s|ratio|quartiles',
      'the bare one|100.0|100.0-100.0|10,000|1.00|1.00-1.00',
      'the slow one|1250.0|1250.0-1250.0|800|12.50|12.50-12.50',
      'wanted of ibex-db: a ratio of at most 1.15',
    ])
  })
})

function measured(name: string, microseconds: readonly number[]): Measurement {
  return { contender: { name, label: `the ${name} one`, read }, microseconds }
}

async function read(): Promise<unknown> {
  return await Promise.resolve(undefined)
}
