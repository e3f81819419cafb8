/** Loads a data set as an operator does a first load: COPY without indexes and triggers, then what they would have made. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { withClient } from '../../test/support/with-client.ts'
import { urlOfDatabase } from '../../test/support/template-server.ts'
import { binaryCopy, copiedColumns } from './binary-copy.ts'
import { buildSettings, planTenants } from './scale-plan.ts'
import type { DataSet, LoadTimes, PlannedTenant } from './scale-plan.ts'
import { mixedOrder, orgIdOf, TenantRows } from './tenant-rows.ts'

/** Tells how far a phase has come. */
export interface LoadProgress {
  start(phase: string, total: number): void
  update(done: number): void
  stop(): void
}

/**
 * Creates and fills the database of a data set, or goes on where an interrupted run has stopped.
 *
 * Each phase is written down in the database with its seconds when it is done; one that is there is not repeated.
 */
export async function loadDataSet(
  serverUrl: string,
  dataSet: DataSet,
  { probes, progress }: { readonly probes: readonly number[]; readonly progress: LoadProgress },
): Promise<LoadTimes> {
  const url = urlOfDatabase(serverUrl, dataSet.name)
  await createIfMissing(serverUrl, dataSet.name)
  await migrateToLatest({ target: { url }, provider: migrationProvider })
  return await withClient(url, async (client) => {
    await client.query(`create schema if not exists bench_scale;
      create table if not exists bench_scale.phases (name text primary key, seconds float8 not null);
      create table if not exists bench_scale.indexes (name text primary key, definition text not null)`)
    for (const [name, value] of Object.entries(buildSettings))
      await client.query('select set_config($1, $2, false)', [name, value])
    const tenants = planTenants(dataSet, probes)
    const phase = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      await runPhase(client, name, work)
    }
    await phase('organizations', async () => await insertOrganizations(client, tenants))
    await phase('drop indexes', async () => await dropIndexes(client))
    await phase('copy', async () => await copyMemories(client, tenants, progress))
    await phase('versions', async () => await writeVersions(client))
    await buildIndexes(client, progress, phase)
    await phase('vacuum analyze', async () => await client.query('vacuum analyze'))
    const { rows } = await client.query<{ name: string; seconds: number }>(
      'select name, seconds from bench_scale.phases',
    )
    return Object.fromEntries(rows.map(({ name, seconds }) => [name, seconds]))
  })
}

async function createIfMissing(serverUrl: string, name: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    const { rows } = await client.query('select from pg_database where datname = $1', [name])
    if (rows.length === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  })
}

async function runPhase(client: pg.Client, name: string, work: () => Promise<unknown>): Promise<void> {
  const { rows } = await client.query('select from bench_scale.phases where name = $1', [name])
  if (rows.length > 0) return
  const started = performance.now()
  await work()
  await client.query('insert into bench_scale.phases values ($1, $2)', [
    name,
    (performance.now() - started) / 1_000,
  ])
}

async function insertOrganizations(client: pg.Client, tenants: readonly PlannedTenant[]): Promise<void> {
  await client.query(
    `insert into ibex_core.organizations (id, name, slug)
     select id, 'Organization', 'organization-' || number from unnest($1::uuid[], $2::int[]) as given (id, number)
     on conflict (id) do nothing`,
    [tenants.map(orgIdOf), tenants.map(({ number }) => number)],
  )
}

/** All indexes of memories but the primary key, which other tables refer to. */
async function dropIndexes(client: pg.Client): Promise<void> {
  await client.query(`insert into bench_scale.indexes
    select indexname, replace(indexdef, ' ON ONLY ', ' ON ') from pg_indexes
    where schemaname = 'ibex_core' and tablename = 'memories' and indexname not like '%pkey'
    on conflict do nothing`)
  const { rows } = await client.query<{ name: string }>('select name from bench_scale.indexes')
  for (const { name } of rows) await client.query(`drop index if exists ibex_core.${name}`)
}

async function copyMemories(
  client: pg.Client,
  tenants: readonly PlannedTenant[],
  progress: LoadProgress,
): Promise<void> {
  const order = mixedOrder(tenants)
  progress.start('copy', order.length)
  // triggers and foreign keys rest: the rows are right, and what the triggers would write follows at once
  await client.query('begin')
  await client.query("set local session_replication_role = 'replica'")
  await pipeline(
    Readable.from(binaryCopy(mixedRows(tenants, order, progress)), { highWaterMark: 4 }),
    client.query(copyFrom(`copy ibex_core.memories (${copiedColumns}) from stdin (format binary)`)),
  )
  await client.query('commit')
  progress.stop()
}

function* mixedRows(
  tenants: readonly PlannedTenant[],
  order: Uint16Array,
  progress: LoadProgress,
): Generator<readonly [Buffer, ReturnType<TenantRows['next']>]> {
  const sources = tenants.map(
    (tenant) => [Buffer.from(orgIdOf(tenant).replaceAll('-', ''), 'hex'), new TenantRows(tenant)] as const,
  )
  for (const [done, index] of order.entries()) {
    const source = sources[index]
    if (source === undefined) continue
    if (done % 1_000 === 0) progress.update(done)
    yield [source[0], source[1].next()]
  }
}

/** The first version of each memory, as its trigger writes it. */
async function writeVersions(client: pg.Client): Promise<void> {
  await client.query('begin')
  await client.query("set local session_replication_role = 'replica'")
  await client.query(`insert into ibex_core.memory_versions (org_id, memory_id, version_num, operation, content, category, status,
      tier, importance, confidence, metadata, changed_by_type, is_deleted, created_at)
    select org_id, id, 1, 'create', content, category, status, tier, importance, confidence, metadata, 'system', false, created_at
    from ibex_core.memories`)
  await client.query('commit')
}

/** The graphs partition by partition, each with the whole memory, and then the other indexes. */
async function buildIndexes(
  client: pg.Client,
  progress: LoadProgress,
  phase: (name: string, work: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { rows: partitions } = await client.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'ibex_core.memories'::regclass order by 1`,
  )
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    "select name, definition from bench_scale.indexes order by definition like '% hnsw %', name",
  )
  for (const { name, definition } of indexes.filter((index) => !isGraph(index)))
    await phase(`index ${name}`, async () => await client.query(definition))
  const graphs = indexes.filter(isGraph)
  progress.start('graphs', graphs.length * partitions.length)
  for (const { name, definition } of graphs) {
    for (const [done, { name: partition }] of partitions.entries()) {
      progress.update(done)
      const bare = partition.replace('ibex_core.', '')
      const part = definition
        .replace(` ${name} `, ` ${name.replace('memories', bare)} `)
        .replace(' ibex_core.memories ', ` ${partition} `)
      await phase(`graph ${bare}`, async () => await client.query(part))
    }
    // takes in those of the partitions, which are equal to its own
    await phase(`index ${name}`, async () => await client.query(definition))
  }
  progress.stop()
}

function isGraph({ definition }: { readonly definition: string }): boolean {
  return definition.includes(' USING hnsw ')
}
