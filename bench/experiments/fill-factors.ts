/** Room left in the pages of a table like sessions: what updates cost with it, and what it costs. */
import type pg from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { withClient } from '../../test/support/with-client.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { compare, comparisonOf } from './harness.ts'
import type { Comparison, Experiment, ExperimentOptions, Variant } from './harness.ts'

const fillFactors = [100, 90, 70] as const

/** What a caller sets, and whether an index holds one of the columns: then no update can stay in its page alone. */
const loads = [
  {
    name: 'counters of tokens, in no index',
    set: 'total_input_tokens = total_input_tokens + 10, total_latency_ms = total_latency_ms + 1, updated_at = now()',
  },
  {
    name: 'counters and last_message_at, which indexes hold',
    set: 'message_count = message_count + 1, last_message_at = now(), updated_at = now()',
  },
] as const

export const fillFactor: Experiment = {
  name: 'fill-factors',
  async run(options) {
    await using scratch = await createScratchDatabase(options.url)
    await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
    return await withClient(scratch.url, async (client) => {
      // the commit would hide the rest
      await client.query('set synchronous_commit = off')
      const comparisons: Comparison[] = []
      for (const load of loads) comparisons.push(...(await measure(client, load, options)))
      return comparisons
    })
  },
}

async function measure(
  client: pg.Client,
  { name, set }: (typeof loads)[number],
  { isQuick, signal }: ExperimentOptions,
): Promise<readonly Comparison[]> {
  const rows = isQuick ? 1_000 : 20_000
  const ids = await fill(client, rows)
  const before = await sizes(client)
  const per = rows / 10
  const variants = fillFactors.map((factor): Variant => {
    const text = `update sessions_${factor} set ${set} where org_id = $1 and id = $2`
    return {
      name: `fillfactor ${factor}`,
      // as autovacuum would: when a fifth of the rows is dead
      prepare: async (round) => {
        if (round % 2 === 0) await client.query(`vacuum sessions_${factor}`)
      },
      run: async () => {
        for (let count = 0; count < per; count += 1) {
          const { org_id: orgId, id } = ids[Math.floor(Math.random() * ids.length)] ?? { org_id: '', id: '' }
          await client.query({ name: `${factor} ${name}`, text, values: [orgId, id] })
        }
      },
    }
  })
  const times = await compare(`an update of one session: ${name}`, variants, {
    rounds: isQuick ? 2 : 20,
    warmUp: 2,
    per,
    unit: 'µs',
    signal,
  })
  const named = (values: readonly number[]): [string, number[]][] =>
    values.map((value, index) => [variants[index]?.name ?? '', [value]])
  return [
    times,
    comparisonOf(`updates that touch no index: ${name}`, 'share', named(await hotShares(client))),
    comparisonOf(`table and indexes before: ${name}`, 'MB', named(before)),
    comparisonOf(`table and indexes after: ${name}`, 'MB', named(await sizes(client))),
  ]
}

interface Key {
  readonly org_id: string
  readonly id: string
}

/** Tables with the columns, defaults, checks and indexes of sessions; nothing but this experiment vacuums them. */
async function fill(client: pg.Client, rows: number): Promise<readonly Key[]> {
  for (const factor of fillFactors)
    await client.query(`drop table if exists sessions_${factor};
      create table sessions_${factor} (like ibex_core.sessions including all)
        with (fillfactor = ${factor}, autovacuum_enabled = off)`)
  await client.query(
    `insert into sessions_100 (org_id, agent_id, title, model, provider, last_message_at)
     select md5('tenant ' || number % 100)::uuid, md5('agent ' || number % 1000)::uuid,
       'What was said about order ' || number, 'a-model', 'a-provider', now()
     from generate_series(1, $1::int) as number`,
    [rows],
  )
  const { rows: columns } = await client.query<{ list: string }>(
    `select string_agg(quote_ident(attname), ', ') as list from pg_attribute
     where attrelid = 'sessions_100'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
  )
  for (const factor of fillFactors.slice(1))
    await client.query(
      `insert into sessions_${factor} (${columns[0]?.list}) select ${columns[0]?.list} from sessions_100`,
    )
  for (const factor of fillFactors) await client.query(`vacuum analyze sessions_${factor}`)
  return (await client.query<Key>('select org_id, id from sessions_100')).rows
}

async function sizes(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ size: string }>(
    'select pg_total_relation_size(name::regclass) as size from unnest($1::text[]) with ordinality as of (name, place) order by place',
    [fillFactors.map((factor) => `sessions_${factor}`)],
  )
  return rows.map(({ size }) => Number(size) / 2 ** 20)
}

async function hotShares(client: pg.Client): Promise<number[]> {
  await client.query('select pg_stat_force_next_flush()')
  const { rows } = await client.query<{ share: number }>(
    `select n_tup_hot_upd::float8 / n_tup_upd as share from unnest($1::text[]) with ordinality as of (name, place)
     join pg_stat_user_tables on relid = name::regclass order by place`,
    [fillFactors.map((factor) => `sessions_${factor}`)],
  )
  return rows.map(({ share }) => share)
}
