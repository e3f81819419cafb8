/** Keys of random uuids (version 4) against keys that begin with the time (version 7): inserts and what is stored. */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { compare, comparisonOf, onScratchClient } from './harness.ts'
import type { Comparison, Experiment, ExperimentOptions, Variant } from './harness.ts'

const tenants = 100

interface Maker {
  readonly name: string
  /** The table, and a database function, or none when the client makes the key. */
  readonly table: string
  readonly expression?: string
  readonly make?: () => string
  readonly version: 4 | 7
}

const makers: readonly Maker[] = [
  { name: 'v4, gen_random_uuid()', table: 'v4_server', expression: 'gen_random_uuid()', version: 4 },
  { name: 'v7, function in SQL', table: 'v7_server', expression: 'uuid_v7()', version: 7 },
  { name: 'v4, made by the client', table: 'v4_client', make: () => randomUUID(), version: 4 },
  { name: 'v7, made by the client', table: 'v7_client', make: uuidV7, version: 7 },
]

export const uuidKeys: Experiment = {
  name: 'uuid-keys',
  run: async (options) => await onScratchClient(options, measure),
}

async function measure(
  client: pg.Client,
  { isQuick, signal }: ExperimentOptions,
): Promise<readonly Comparison[]> {
  // the commit would hide the rest; the function puts the time into a random uuid, and makes its version 7
  await client.query(`set synchronous_commit = off;
    create function uuid_v7() returns uuid language sql volatile parallel safe return
      encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid`)
  const batches = isQuick ? 5 : 500
  const comparisons: Comparison[] = []
  for (const isMixed of [false, true]) {
    await createTables(client)
    const what = isMixed ? 'rows of all tenants mixed' : 'a tenant a statement'
    const inserting = await compare(
      `1,000 rows a statement, ${what}`,
      makers.map((maker) => bulk(client, maker, isMixed)),
      { rounds: batches, signal },
    )
    comparisons.push(
      inserting,
      ...(await weigh(client, `${(batches + 1).toLocaleString('en-US')},000 rows, ${what}`)),
    )
  }
  const per = isQuick ? 50 : 500
  comparisons.push(
    await compare(
      'a row a statement, into those tables',
      makers.map((maker) => single(client, maker, per)),
      { rounds: isQuick ? 2 : 20, per, unit: 'µs', signal },
    ),
  )
  return comparisons
}

async function createTables(client: pg.Client): Promise<void> {
  for (const { table, expression = 'gen_random_uuid()' } of makers)
    await client.query(`drop table if exists ${table}; create table ${table}
      (org_id uuid not null, id uuid not null default ${expression}, text text not null, primary key (org_id, id))`)
}

function bulk(client: pg.Client, maker: Maker, isMixed: boolean): Variant {
  return {
    name: maker.name,
    run: async (round) => {
      const owners = Array.from({ length: 1_000 }, () => tenant(isMixed ? undefined : round))
      await insertMany(client, maker, owners)
    },
  }
}

async function insertMany(
  client: pg.Client,
  { table, make }: Maker,
  owners: readonly string[],
  before = '',
): Promise<pg.QueryResult<Record<string, unknown>>> {
  if (make === undefined)
    return await client.query(
      `${before} insert into ${table} (org_id, text) select unnest($1::uuid[]), 'Something short'`,
      [owners],
    )
  return await client.query(
    `${before} insert into ${table} (org_id, id, text) select unnest($1::uuid[]), unnest($2::uuid[]), 'Something short'`,
    [owners, owners.map(make)],
  )
}

function single(client: pg.Client, { name, table, make }: Maker, per: number): Variant {
  const statement =
    make === undefined
      ? `insert into ${table} (org_id, text) values ($1, 'Something short')`
      : `insert into ${table} (org_id, id, text) values ($1, $2, 'Something short')`
  return {
    name,
    run: async () => {
      for (let count = 0; count < per; count += 1) {
        const values = make === undefined ? [tenant()] : [tenant(), make()]
        await client.query({ name: table, text: statement, values })
      }
    },
  }
}

/** The primary key's size, and what one more statement writes to the log right after a checkpoint. */
async function weigh(client: pg.Client, what: string): Promise<readonly Comparison[]> {
  const sizes: [string, number[]][] = []
  const logs: [string, number[]][] = []
  for (const maker of makers) {
    const { rows } = await client.query<{ size: string; isMade: boolean }>(
      `select pg_relation_size('${maker.table}_pkey') as size,
        (select bool_and(substr(id::text, 15, 1) = $1) from ${maker.table}) as "isMade"`,
      [String(maker.version)],
    )
    if (rows[0]?.isMade !== true) throw new Error(`${maker.name} made keys of another version`)
    sizes.push([maker.name, [Number(rows[0].size) / 2 ** 20]])
    await client.query('checkpoint')
    const owners = Array.from({ length: 1_000 }, () => tenant())
    const explained = await insertMany(client, maker, owners, 'explain (analyze, wal)')
    const wal = /WAL:.* bytes=(\d+)/.exec(explained.rows.map((row) => String(row['QUERY PLAN'])).join('\n'))
    logs.push([maker.name, [Number(wal?.[1]) / 2 ** 20]])
  }
  return [
    comparisonOf(`primary key of ${what}`, 'MB', sizes),
    comparisonOf(`log of 1,000 mixed rows after a checkpoint, into ${what}`, 'MB', logs),
  ]
}

/** One of the tenants, by number or by chance. */
function tenant(number = Math.floor(Math.random() * tenants)): string {
  const digits = String(number % tenants).padStart(2, '0')
  return `${digits}1e2f5c-0000-4000-8000-0000000000${digits}`
}

/** Milliseconds since 1970 in 48 bits, then the version, the variant and chance (RFC 9562, 5.7). */
function uuidV7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
