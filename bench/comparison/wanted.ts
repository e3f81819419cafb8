/** What the project wants of itself, and where a peer is faster. */
import { ormKeys } from './peers.ts'
import { baselineKey, findCell, ibexKey, operationEntries, settingsOf } from './result.ts'
import type { ComparisonResult, OperationKey, Setting } from './result.ts'

/** One wish and what was seen of it; nothing fails when it is not met. */
export interface Wish {
  readonly text: string
  readonly seen: string
  readonly isMet: boolean
}

/** Compares the figures with what is wanted; what was not measured is left out. */
export function judge(result: ComparisonResult): Wish[] {
  const most = Math.max(...result.cells.map(({ concurrency }) => concurrency))
  const wishes: Wish[] = []
  for (const operation of singles) {
    wishes.push(
      ...atMostBaseline(result, { operation, network: 'loopback', concurrency: 1 }, 1),
      ...atMostBaseline(result, { operation, network: '2 ms away', concurrency: 1 }, 1),
      ...fasterThanOrms(result, { operation, network: '2 ms away', concurrency: 1 }, 3.5),
      ...fasterThanOrms(result, { operation, network: 'loopback', concurrency: most }, 2),
    )
  }
  wishes.push(...roundTrips(result))
  for (const operation of bulks) {
    wishes.push(
      // 0.8 of the speed
      ...atMostBaseline(result, { operation, network: 'loopback', concurrency: 1 }, 1 / 0.8),
      ...fasterThanOrms(result, { operation, network: 'loopback', concurrency: 1 }, 5),
    )
  }
  return [...wishes, ...recall(result)]
}

const singles: readonly OperationKey[] = ['read', 'insert', 'update']
const bulks: readonly OperationKey[] = ['bulk-small', 'bulk-large']

/** A setting in words. */
export function describeSetting({ operation, network, concurrency }: Setting, isQuick: boolean): string {
  const entry = operationEntries(isQuick).find(({ key }) => key === operation)
  return `${entry?.title ?? operation}, ${network}, ${concurrency} at a time`
}

function atMostBaseline(result: ComparisonResult, setting: Setting, limit: number): Wish[] {
  const ratio = findCell(result, ibexKey, setting)?.toBaseline?.median
  if (ratio === undefined) return []
  return [
    {
      text: `${describeSetting(setting, result.isQuick)}: at most ${limit.toFixed(2)} of the baseline's time`,
      seen: ratio.toFixed(2),
      isMet: ratio <= limit,
    },
  ]
}

function fasterThanOrms(result: ComparisonResult, setting: Setting, factor: number): Wish[] {
  const ratios = [...ormKeys].flatMap((key) => findCell(result, key, setting)?.toIbex?.median ?? [])
  if (ratios.length === 0) return []
  const seen = Math.min(...ratios)
  return [
    {
      text: `${describeSetting(setting, result.isQuick)}: at least ${factor} times as fast as the best ORM`,
      seen: seen.toFixed(2),
      isMet: seen >= factor,
    },
  ]
}

function roundTrips(result: ComparisonResult): Wish[] {
  const setting: Setting = { operation: 'unit', network: '2 ms away', concurrency: 1 }
  const count = findCell(result, ibexKey, setting)?.roundTrips ?? null
  if (count === null) return []
  return [
    {
      text: 'unit of work of five statements: at most 6 round trips',
      seen: String(count),
      isMet: count <= 6,
    },
  ]
}

function recall(result: ComparisonResult): Wish[] {
  const recalls = result.cells.flatMap((cell) => (cell.peer === ibexKey ? (cell.recall ?? []) : []))
  if (recalls.length === 0) return []
  const least = Math.min(...recalls)
  return [{ text: 'vector search: recall@10 of at least 0.99', seen: least.toFixed(3), isMet: least >= 0.99 }]
}

const bulkReason =
  'the index of vectors takes most of the time of everybody; beside it the library looks for duplicates and for what was erased, and tells what became of each'

/** A setting in which peers are faster than the library, and why, where that is known. */
export interface SlowerSetting {
  readonly setting: Setting
  /** By which factor the library takes longer than each, the largest first. */
  readonly peers: readonly { readonly key: string; readonly factor: number }[]
  readonly reason: string
}

/** Lists where the library takes more than 1.05 of a peer's time; the baseline, which has no tenancy, is none. */
export function slowerSettings(result: ComparisonResult): SlowerSetting[] {
  return settingsOf(result).flatMap((setting) => {
    const peers = result.peers
      .filter(({ key }) => key !== ibexKey && key !== baselineKey)
      .map(({ key }) => ({ key, factor: 1 / (findCell(result, key, setting)?.toIbex?.median ?? Infinity) }))
      .filter(({ factor }) => factor > 1.05)
      .toSorted((a, b) => b.factor - a.factor)
    const reason = reasons[setting.operation] ?? 'no reason is known'
    return peers.length === 0 ? [] : [{ setting, peers, reason }]
  })
}

/** What the library does and a peer does not. */
const reasons: Partial<Record<OperationKey, string>> = {
  page: 'the library reads one row more and the text of the order columns, for the cursor of the next page',
  unit: 'processor time of the client: rows are checked and built by the repositories, where pg by hand sends what it is told',
  nearest:
    'of 2,000 memories the library counts and compares all, which finds every one of the nearest; a peer asks the index of vectors, and finds what its recall says',
  text: 'the library finds any of the words and weighs them by how rare they are; a peer finds what holds all of them, and ranks by ts_rank',
  'bulk-small': bulkReason,
  'bulk-large': bulkReason,
}
