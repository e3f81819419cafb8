/** The benchmark from end to end: a database of its own, the networks, the contenders. */
import { migrationProvider } from '../migrations/index.ts'
import { migrateToLatest } from '../src/migration/migrate.ts'
import { openPlainPg } from './contenders/plain-pg.ts'
import { openRepository } from './contenders/repository.ts'
import { startLatencyProxy } from './latency-proxy.ts'
import type { BenchOptions } from './options.ts'
import { toFigures } from './report.ts'
import type { Figure, Setting } from './report.ts'
import { measureInTurn } from './rounds.ts'
import { createScratchDatabase } from './scratch-database.ts'
import { seed } from './seed.ts'
import type { Seeded } from './seed.ts'

/** Holds what a run found: where it ran, and the figures. */
export interface BenchResult {
  readonly serverVersion: string
  readonly nodeVersion: string
  readonly figures: readonly Figure[]
}

/**
 * Measures every contender under every setting, in a database of its own, and reports each setting as it is done.
 *
 * @throws when the server cannot be used, an answer is wrong, or the signal is aborted; whatever was started is stopped.
 */
export async function runBench(
  options: BenchOptions,
  signal: AbortSignal,
  report: (setting: Setting, figures: readonly Figure[]) => void,
): Promise<BenchResult> {
  await using database = await createScratchDatabase(options.url)
  await migrateToLatest({ target: { url: database.url }, provider: migrationProvider })
  const seeded = await seed(database.url)
  await using proxy = await startLatencyProxy({ ...addressOf(database.url), delayMs: 2 })
  const networks: readonly Network[] = [
    { name: 'loopback', url: database.url, wantedRatio: 1.15 },
    { name: '2 ms away', url: throughProxy(database.url, proxy.port), wantedRatio: 1.05 },
  ]
  const figures: Figure[] = []
  for (const network of networks) {
    for (const concurrency of [1, 16]) {
      const setting: Setting = { network: network.name, wantedRatio: network.wantedRatio, concurrency }
      const found = await measureSetting(setting, { url: network.url, seeded, options, signal })
      report(setting, found)
      figures.push(...found)
    }
  }
  return { serverVersion: database.serverVersion, nodeVersion: process.version, figures }
}

interface Network {
  readonly name: string
  readonly url: string
  readonly wantedRatio: number
}

interface Circumstances {
  readonly url: string
  readonly seeded: Seeded
  readonly options: BenchOptions
  readonly signal: AbortSignal
}

async function measureSetting(
  setting: Setting,
  { url, seeded, options, signal }: Circumstances,
): Promise<Figure[]> {
  const connection = { url, poolSize: setting.concurrency }
  await using plain = openPlainPg(connection, seeded.readSql)
  await using repository = openRepository(connection)
  const contenders = [...plain.contenders, ...repository.contenders]
  const { rounds, sliceMs } = options
  const plan = { rounds, sliceMs, concurrency: setting.concurrency, signal }
  return toFigures(setting, await measureInTurn(contenders, seeded.targets, plan))
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
