/** A pool of one connection, and what a transaction of it can run into: a long statement, and a lock that somebody holds. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { type CreateDatabaseOptions, createDatabase } from '../../src/create-database.ts'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

/**
 * What holds a statement up: for 20 s or until something ends it; a nap takes two and a half. With a limit it sleeps too, in a
 * transaction that the server ends meanwhile (PostgreSQL 17).
 */
export type Obstacle = 'sleep' | 'nap' | 'limit' | 'lock'

const seconds = { sleep: 20, limit: 20, nap: 2.5 }
const limit = sql`set_config('transaction_timeout', '200', true)`

/** The state in which a connection was given back. */
interface Session {
  readonly pid: number
  readonly tenant: string
  readonly statementTimeout: string
  readonly lockTimeout: string
}

/** Two tenants, on one connection. */
export interface Obstacles extends Pick<TwoTenants, 'database' | 'admin' | 'mine' | 'theirs'> {
  /** The rows of `mine` that belong to a unit. */
  rowsOf(unit: string): Promise<number>
  /** The connection's process. */
  pid(): Promise<number>
  /** Expects that the next borrower finds no transaction, tenant or timeout of the one before, and its own rows only. */
  expectClean(): Promise<void>
  close(): Promise<void>
}

/** Clones the template, with a lock that is held until the end, for which everybody waits 100 ms at most. */
export async function openObstacles(
  options: Pick<CreateDatabaseOptions, 'connectTimeout'> = {},
): Promise<Obstacles> {
  const bundle = await openTwoTenants()
  const { admin } = bundle
  await insertObstacles(bundle)
  const database = createDatabase({ ...bundle.test.target, poolSize: 1, ...options })
  const mine = database.forTenant(bundle.mine.orgId)
  const theirs = database.forTenant(bundle.theirs.orgId)
  await theirs.agents.insert({ name: 'Theirs', slug: 'theirs' })
  const gate = await hold(
    async (run) =>
      await admin.transaction().execute(async (trx) => {
        await sql`select from public.gate for update`.execute(trx)
        await run()
      }),
  )
  const first = await look(theirs)
  const close = async (): Promise<void> => {
    await gate.letGo()
    await database.close()
    await bundle.close()
  }
  const expectClean = async (): Promise<void> => {
    expect(await look(theirs)).toEqual({ ...first, pid: expect.any(Number) })
    expect((await theirs.agents.find()).map(({ slug }) => slug)).toEqual(['theirs'])
    // a process whose client went away may still be about to notice
    await expect.poll(async () => await idleInTransaction(admin), { interval: 10 }).toBe(0)
  }
  const rowsOf = async (unit: string): Promise<number> => {
    const { rows } = await sql`select from ibex_core.agents where org_id = ${mine.orgId}
      and starts_with(slug, ${`${unit}-`})`.execute(admin)
    return rows.length
  }
  const pid = async (): Promise<number> => (await look(theirs)).pid
  return { database, admin, mine, theirs, rowsOf, pid, expectClean, close }
}

/** Runs into an obstacle: in a statement of its own, or when the transaction commits. */
export async function meet(
  obstacle: Obstacle,
  { db }: TenantTransaction,
  when: 'now' | 'at commit' = 'now',
): Promise<void> {
  if (when === 'at commit') await sql`insert into public.obstacles values (${obstacle})`.execute(db)
  else if (obstacle === 'lock') await sql`select from public.gate for update`.execute(db)
  else {
    const sleep = sql`pg_sleep(${seconds[obstacle]})`
    await sql`select ${obstacle === 'limit' ? sql`${limit}, ${sleep}` : sleep}`.execute(db)
  }
}

/** How many sessions of the library wait for the next statement of a transaction. */
export async function idleInTransaction(admin: Obstacles['admin']): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity where datname = current_database()
    and application_name = 'ibex-db' and state like 'idle in transaction%'`.execute(admin)
  return rows.length
}

/** Waits until a session of the library sleeps in its statement. */
export async function untilAsleep({ admin }: Pick<Obstacles, 'admin'>): Promise<void> {
  await expect
    .poll(
      async () =>
        (
          await sql`select from pg_stat_activity where datname = current_database()
            and application_name = 'ibex-db' and wait_event = 'PgSleep'`.execute(admin)
        ).rows.length,
      { timeout: 10_000, interval: 10 },
    )
    .toBe(1)
}

/** Something that is held until it is let go. */
export interface Held {
  letGo(): Promise<void>
}

/** Runs `work`, and returns as soon as it calls `run`, which ends when it is let go. */
export async function hold(work: (run: () => Promise<void>) => Promise<void>): Promise<Held> {
  const isHeld = Promise.withResolvers<void>()
  const isOver = Promise.withResolvers<void>()
  const ended = work(async () => {
    isHeld.resolve()
    await isOver.promise
  })
  await Promise.race([isHeld.promise, ended])
  return {
    letGo: async () => {
      isOver.resolve()
      await ended
    },
  }
}

/** A table whose rows are an obstacle when they are committed. */
async function insertObstacles({ admin }: TwoTenants): Promise<void> {
  await sql`create table public.gate (id int)`.execute(admin)
  await sql`insert into public.gate values (1)`.execute(admin)
  await sql`create table public.obstacles (kind text)`.execute(admin)
  await sql`create function public.meet_obstacle() returns trigger language plpgsql as $$ begin
    if new.kind = 'limit' then perform ${limit}; end if;
    if new.kind = 'lock' then perform from public.gate for update;
    else perform pg_sleep(case new.kind when 'nap' then ${sql.lit(seconds.nap)} else ${sql.lit(seconds.sleep)} end); end if;
    return null; end $$`.execute(admin)
  await sql`create constraint trigger obstacle after insert on public.obstacles
    deferrable initially deferred for each row execute function public.meet_obstacle()`.execute(admin)
  await sql`grant select, insert, update on public.gate, public.obstacles to ibex_app`.execute(admin)
  await sql`do $$ begin
    execute format('alter database %I set lock_timeout = %L', current_database(), '100ms'); end $$`.execute(
    admin,
  )
}

async function look({ db }: TenantScope): Promise<Session> {
  const { rows } = await sql<Session>`select pg_backend_pid() as pid, ibex_core.current_org_id() as tenant,
    current_setting('statement_timeout') as "statementTimeout", current_setting('lock_timeout') as "lockTimeout"`.execute(
    db,
  )
  const [row] = rows
  if (row === undefined) throw new Error('a select without from has one row')
  return row
}
