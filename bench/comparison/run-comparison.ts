/** The comparison from end to end: a database of its own, the networks, the contenders in turn. */
import { availableParallelism, totalmem } from 'node:os'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { startLatencyProxy } from '../harness/latency-proxy.ts'
import type { LatencyProxy } from '../harness/latency-proxy.ts'
import { measureInTurn } from '../harness/rounds.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import type { ScratchDatabase } from '../harness/scratch-database.ts'
import { pairedRatios, summarise } from '../harness/statistics.ts'
import { currentLoad, noiseOf } from './noise.ts'
import { createOperations } from './operations.ts'
import type { Operation, SliceFigure } from './operations.ts'
import { openContenders, preparePeers, reasonOf } from './peers.ts'
import type { OpenContender } from './peers.ts'
import { baselineKey, ibexKey, operationEntries } from './result.ts'
import type { Cell, ComparisonResult, LeftOut, Network, PeerEntry, Setting } from './result.ts'
import { createWorld } from './world.ts'

/** How much is measured. */
export interface ComparisonPlan {
  readonly url: string | undefined
  /** The peers that are compared with the library and the baseline. */
  readonly peers: readonly string[]
  readonly isQuick: boolean
  readonly rounds: number
  readonly bulkRounds: number
  readonly sliceMs: number
  readonly concurrencies: readonly number[]
  readonly memoriesPerTenant: number
}

/** How a run tells how far it is. */
export interface Listener {
  readonly signal: AbortSignal
  /** Called once a peer, as soon as it is known that it is not measured. */
  readonly onLeftOut: (left: LeftOut) => void
  /** Called when a setting is done. */
  readonly onCells: (cells: readonly Cell[]) => void
}

/** Some minutes: 20 on a quiet machine with two cores. */
export const fullPlan: Omit<ComparisonPlan, 'url' | 'peers'> = {
  isQuick: false,
  rounds: 15,
  bulkRounds: 3,
  sliceMs: 100,
  concurrencies: [1, 16],
  memoriesPerTenant: 2_000,
}

/** Less than two minutes; four at a time, because a server of ordinary settings has few connections to spare. */
export const quickPlan: Omit<ComparisonPlan, 'url' | 'peers'> = {
  isQuick: true,
  rounds: 2,
  bulkRounds: 1,
  sliceMs: 20,
  concurrencies: [1, 4],
  memoriesPerTenant: 400,
}

/**
 * Measures every contender under every setting.
 *
 * @throws when the server cannot be used, an answer is wrong after the warm-up, or the signal is aborted; whatever was
 *   started is stopped.
 */
export async function runComparison(plan: ComparisonPlan, listener: Listener): Promise<ComparisonResult> {
  const startedAt = new Date().toISOString()
  const loadBefore = currentLoad()
  const leftOut = new Map<string, LeftOut>()
  const leaveOut = (left: LeftOut): void => {
    leftOut.set(left.key, left)
    listener.onLeftOut(left)
  }
  for (const left of await preparePeers(plan.peers)) leaveOut(left)
  listener.signal.throwIfAborted()

  await using database = await createScratchDatabase(plan.url)
  requireConnections(database, plan)
  await migrateToLatest({ target: { url: database.url }, provider: migrationProvider })
  const loginUrl = await database.createLogin()
  await using world = await createWorld(database.url, plan.memoriesPerTenant)
  const operations = createOperations(world, operationEntries(plan.isQuick))
  await using proxy = await startLatencyProxy({ ...addressOf(database.url), delayMs: 2 })
  const cells: Cell[] = []
  const peers = new Map<string, PeerEntry>()
  for (const network of ['loopback', '2 ms away'] as const) {
    const reach = (url: string): string => (network === 'loopback' ? url : throughProxy(url, proxy.port))
    const poolSize = Math.max(...plan.concurrencies)
    const connections = {
      peer: { url: reach(loginUrl), poolSize },
      baseline: { url: reach(database.url), poolSize },
    }
    const keys = plan.peers.filter((key) => !leftOut.has(key))
    await using open = await openContenders(keys, connections, leaveOut)
    const fit = await warmUp(open.contenders, operations, { leaveOut, signal: listener.signal })
    for (const { key, contender } of fit) {
      peers.set(key, { key, name: contender.name, version: contender.version })
    }
    const scene: Scene = { plan, network, contenders: fit, proxy, listener }
    for (const operation of operations) cells.push(...(await measureOperation(operation, scene)))
  }
  // one that was left out on the second network is left out of the first one too
  const kept = cells.filter(({ peer }) => !leftOut.has(peer))
  return {
    startedAt,
    isQuick: plan.isQuick,
    serverVersion: database.serverVersion,
    nodeVersion: process.version,
    machine: { cores: availableParallelism(), memoryGiB: Math.round(totalmem() / 2 ** 30) },
    load: { before: loadBefore, after: currentLoad() },
    noise: noiseOf(kept, loadBefore),
    rounds: plan.rounds,
    peers: [...peers.values()].filter(({ key }) => !leftOut.has(key)),
    leftOut: [...leftOut.values()],
    cells: kept,
  }
}

function requireConnections({ freeConnections }: ScratchDatabase, plan: ComparisonPlan): void {
  const contenders = plan.peers.length + 2
  const needed = contenders * Math.max(...plan.concurrencies) + 4
  if (freeConnections >= needed) return
  throw new Error(
    `the server has ${freeConnections} free connections, and ${contenders} contenders need ${needed}: ` +
      'set its max_connections to 300, or name fewer with --peers',
  )
}

interface Vigilance {
  readonly leaveOut: (left: LeftOut) => void
  readonly signal: AbortSignal
}

/** Asks everybody once for everything, and returns those who answer rightly. */
async function warmUp(
  contenders: readonly OpenContender[],
  operations: readonly Operation[],
  { leaveOut, signal }: Vigilance,
): Promise<OpenContender[]> {
  const fit: OpenContender[] = []
  for (const { key, contender } of contenders) {
    try {
      for (const operation of operations) {
        signal.throwIfAborted()
        // the larger bulk insert is the smaller one again, and takes seconds
        if (operation.key === 'bulk-large' || !operation.isSupportedBy(contender)) continue
        await operation.runSlice(contender, { concurrency: 1, sliceMs: 0 })
      }
      fit.push({ key, contender })
    } catch (error) {
      if (key === ibexKey || key === baselineKey || signal.aborted) throw error
      leaveOut({ key, reason: reasonOf(error) })
    }
  }
  return fit
}

interface Scene {
  readonly plan: ComparisonPlan
  readonly network: Network
  readonly contenders: readonly OpenContender[]
  readonly proxy: LatencyProxy
  readonly listener: Listener
}

async function measureOperation(operation: Operation, scene: Scene): Promise<Cell[]> {
  const { plan, listener, network } = scene
  const able = scene.contenders.filter(({ contender }) => operation.isSupportedBy(contender))
  const cells: Cell[] = []
  for (const concurrency of operation.isBulk ? [1] : plan.concurrencies) {
    const slices = await measureInTurn(
      able,
      async ({ contender }) => await operation.runSlice(contender, { concurrency, sliceMs: plan.sliceMs }),
      {
        rounds: operation.isBulk ? plan.bulkRounds : plan.rounds,
        warmUp: !operation.isBulk,
        signal: listener.signal,
      },
    )
    const isCounted = network !== 'loopback' && concurrency === 1
    const roundTrips = isCounted ? await countRoundTrips(operation, able, scene.proxy) : []
    const setting: Setting = { operation: operation.key, network, concurrency }
    const found = toCells(
      setting,
      able.map(({ key }) => key),
      slices,
      roundTrips,
    )
    listener.onCells(found)
    cells.push(...found)
  }
  return cells
}

async function countRoundTrips(
  operation: Operation,
  contenders: readonly OpenContender[],
  proxy: LatencyProxy,
): Promise<number[]> {
  const counts: number[] = []
  for (const { contender } of contenders) {
    const before = proxy.roundTrips()
    await operation.runSlice(contender, { concurrency: 1, sliceMs: 0 })
    counts.push(proxy.roundTrips() - before)
  }
  return counts
}

/** Turns the slices of each contender into cells, with ratios round by round. */
export function toCells(
  setting: Setting,
  keys: readonly string[],
  slices: readonly (readonly SliceFigure[])[],
  roundTrips: readonly number[],
): Cell[] {
  const times = slices.map((ofOne) => ofOne.map(({ microseconds }) => microseconds))
  const baseline = times[keys.indexOf(baselineKey)]
  const ibex = times[keys.indexOf(ibexKey)]
  return keys.map((peer, index) => {
    const own = times[index] ?? []
    const recalls = (slices[index] ?? []).flatMap(({ recall }) => recall ?? [])
    return {
      ...setting,
      peer,
      microseconds: summarise(own),
      toBaseline: baseline === undefined ? null : summarise(pairedRatios(own, baseline)),
      toIbex: ibex === undefined ? null : summarise(pairedRatios(own, ibex)),
      roundTrips: roundTrips[index] ?? null,
      recall: recalls.length === 0 ? null : recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
    }
  })
}

function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port || '5432') }
}

function throughProxy(url: string, port: number): string {
  const proxied = new URL(url)
  proxied.hostname = '127.0.0.1'
  proxied.port = String(port)
  return proxied.href
}
