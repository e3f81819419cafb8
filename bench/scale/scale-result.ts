/** The figures of the benchmark of scale, made of what was measured. */
import { availableParallelism, totalmem } from 'node:os'
import type pg from 'pg'
import { urlOfDatabase } from '../../test/support/template-server.ts'
import { withClient } from '../../test/support/with-client.ts'
import { pairedRatios, quantile, summarise } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'
import { operations } from './measure-scale.ts'
import type { Operation, TenantSamples } from './measure-scale.ts'
import type { DataSet, LoadTimes, ScalePlan } from './scale-plan.ts'

/** Everything that one run found. */
export interface ScaleResult {
  readonly serverVersion: string
  readonly nodeVersion: string
  readonly processors: number
  readonly memoryGiB: number
  readonly serverSettings: Readonly<Record<string, string>>
  readonly rounds: number
  readonly dataSets: readonly LoadedDataSet[]
  readonly sizes: readonly SizeFigure[]
  readonly growth: readonly GrowthFigure[]
}

/** A data set, what loading it took in seconds, and what it takes on disk in bytes. */
export interface LoadedDataSet extends DataSet {
  readonly seconds: LoadTimes
  readonly bytes: {
    readonly table: number
    readonly graphs: number
    readonly otherIndexes: number
    readonly database: number
  }
}

/** Tenants of one size in one data set. */
export interface SizeFigure {
  readonly dataSet: number
  readonly rows: number
  readonly isProbe: boolean
  readonly recall: number
  readonly fewestHits: number
  /** The median of comparing all vectors, in milliseconds. */
  readonly exact: number
  /** Milliseconds. */
  readonly latency: Readonly<Record<Operation, { readonly median: number; readonly p95: number }>>
}

/** How much more the same question of the same tenant costs in the larger data set. */
export interface GrowthFigure {
  readonly rows: number
  readonly operation: Operation
  /** The same tenants, ten times the rows: at most 1.3 is wanted. */
  readonly ofRows: Summary
  /** The same rows, a hundred times the tenants: at most 1.1 is wanted. */
  readonly ofTenants: Summary
}

export const wantedGrowth = { ofRows: 1.3, ofTenants: 1.1 }
export const wantedRecall = 0.99

/** Reads sizes and versions from the server and puts the samples together. */
export async function toResult(
  serverUrl: string,
  plan: ScalePlan,
  samples: readonly TenantSamples[],
): Promise<ScaleResult> {
  const dataSets = []
  for (const dataSet of plan.dataSets)
    dataSets.push(
      await withClient(
        urlOfDatabase(serverUrl, dataSet.name),
        async (client) => await weigh(client, dataSet),
      ),
    )
  const server = await withClient(serverUrl, readServer)
  return {
    ...server,
    nodeVersion: process.versions.node,
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    rounds: plan.rounds,
    dataSets,
    sizes: sizeFigures(samples),
    growth: growthFigures(samples),
  }
}

async function readServer(client: pg.Client): Promise<Pick<ScaleResult, 'serverVersion' | 'serverSettings'>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `select name, current_setting(name) as value from pg_settings
     where name in ('server_version', 'shared_buffers', 'max_wal_size', 'wal_level', 'work_mem') order by name`,
  )
  const { server_version: serverVersion = '', ...serverSettings } = Object.fromEntries(
    rows.map(({ name, value }) => [name, value]),
  )
  return { serverVersion, serverSettings }
}

async function weigh(client: pg.Client, dataSet: DataSet): Promise<LoadedDataSet> {
  const { rows } = await client.query<LoadedDataSet['bytes']>(
    `select sum(pg_table_size(relid))::float8 as table,
       sum(graph.bytes)::float8 as graphs, sum(pg_indexes_size(relid) - graph.bytes)::float8 as "otherIndexes",
       pg_database_size(current_database())::float8 as database
     from pg_partition_tree('ibex_core.memories') cross join lateral (
       select coalesce(sum(pg_relation_size(indexrelid)), 0) as bytes from pg_index
       join pg_class on pg_class.oid = indexrelid join pg_am on pg_am.oid = relam
       where indrelid = relid and amname = 'hnsw') as graph where isleaf`,
  )
  const phases = await client.query<{ name: string; seconds: number }>(
    'select name, seconds from bench_scale.phases',
  )
  const [bytes] = rows
  if (bytes === undefined) throw new Error(`${dataSet.name} has no memories`)
  return { ...dataSet, seconds: byKind(phases.rows), bytes }
}

/** The seconds of all graphs together, and of all other indexes. */
function byKind(phases: readonly { readonly name: string; readonly seconds: number }[]): LoadTimes {
  const seconds: Record<string, number> = {}
  for (const phase of phases) {
    const kind = phase.name.startsWith('graph ')
      ? 'graphs'
      : phase.name.startsWith('index ')
        ? 'other indexes'
        : phase.name
    seconds[kind] = (seconds[kind] ?? 0) + phase.seconds
  }
  return seconds
}

function sizeFigures(samples: readonly TenantSamples[]): SizeFigure[] {
  const groups = Map.groupBy(samples, ({ dataSet, rows }) => `${dataSet} ${rows}`)
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const recall = group.flatMap((tenant) => tenant.recall)
    const latency = (operation: Operation): SizeFigure['latency'][Operation] => {
      const times = group.flatMap((tenant) => tenant.times[operation])
      return { median: quantile(times, 0.5), p95: quantile(times, 0.95) }
    }
    return [
      {
        dataSet: first.dataSet,
        rows: first.rows,
        isProbe: first.isProbe,
        recall: recall.reduce((sum, share) => sum + share, 0) / recall.length,
        fewestHits: Math.min(...group.map(({ fewestHits }) => fewestHits)),
        exact: quantile(
          group.flatMap(({ exact }) => exact),
          0.5,
        ),
        latency: {
          nearest: latency('nearest'),
          text: latency('text'),
          read: latency('read'),
          page: latency('page'),
        },
      },
    ]
  })
}

/** The ratios are of times that were taken within one round, of the same question to the same tenant. */
export function growthFigures(samples: readonly TenantSamples[]): GrowthFigure[] {
  const probes = samples.filter(({ isProbe }) => isProbe)
  const sizes = [...new Set(probes.map(({ rows }) => rows))]
  const timesOf = (dataSet: number, rows: number, operation: Operation): number[] =>
    probes
      .filter((tenant) => tenant.dataSet === dataSet && tenant.rows === rows)
      .flatMap((tenant) => tenant.times[operation])
  return sizes.flatMap((rows) =>
    operations.map((operation) => {
      const few = timesOf(0, rows, operation)
      const many = timesOf(1, rows, operation)
      const large = timesOf(2, rows, operation)
      return {
        rows,
        operation,
        ofRows: summarise(pairedRatios(large, many)),
        ofTenants: summarise(pairedRatios(many, few)),
      }
    }),
  )
}
