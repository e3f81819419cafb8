/** A primary and its streaming replicas, made by PostgreSQL's own programs, for one test file. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { inject, onTestFinished, vi } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { freePort } from '../support/pgbouncer.ts'
import { type SkipOptions, skipOnEmbedded } from '../support/skip.ts'
import { withClient } from '../support/with-client.ts'

const run = promisify(execFile)

/** Seconds after which a server ends by itself, when nobody is left to stop it. */
const lifetime = 300

/** Skips where PostgreSQL's server programs or pgvector are not installed. */
export function skipWithoutServerPrograms(): SkipOptions {
  if (inject('access').backend === 'embedded') return skipOnEmbedded('one engine: nobody to replicate to')
  if (findPrograms() !== undefined) return { skip: false, meta: {} }
  const skipReason =
    'initdb, pg_basebackup and pgvector are not installed (Debian: apt-get install postgresql-15 postgresql-15-pgvector)'
  return { skip: true, meta: { skipReason } }
}

/** The folder of the newest server programs that know pgvector. */
function findPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => join(root, version, 'bin')), ...path()]
  return folders.find(
    (folder) =>
      ['initdb', 'postgres', 'pg_basebackup', 'pg_config'].every((name) => existsSync(join(folder, name))) &&
      existsSync(join(shareOf(folder), 'extension/vector.control')),
  )
}

function path(): string[] {
  return (process.env['PATH'] ?? '').split(':')
}

function shareOf(folder: string): string {
  return execFileSync(join(folder, 'pg_config'), ['--sharedir'], { encoding: 'utf8' }).trim()
}

/** One server of the test, which can go away and come back. */
export class StreamingServer {
  readonly port: number
  readonly url: string
  readonly #start: () => ChildProcess
  #child: ChildProcess | undefined

  constructor(port: number, start: () => ChildProcess) {
    this.port = port
    this.url = `postgresql://postgres@127.0.0.1:${port}/postgres`
    this.#start = start
  }

  /** Returns when it answers. */
  async start(): Promise<void> {
    this.#child = this.#start()
    await vi.waitFor(async () => await this.#answer(), { timeout: 20_000, interval: 50 })
  }

  /** Ends it and every connection at once, as a crash does; returns when this process has heard of all of them. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGQUIT')
    await exit
    for (let turn = 0; turn < 10; turn++) await nextTurn()
  }

  /** Runs one statement as the superuser, and returns its first row. */
  async query(text: string): Promise<Record<string, unknown> | undefined> {
    const { rows } = await withClient(
      this.url,
      async (client) => await client.query<Record<string, unknown>>(text),
    )
    return rows[0]
  }

  /** Counts the sessions of clients for which this holds in `pg_stat_activity`. */
  async countSessions(condition: string): Promise<number> {
    const clients = `backend_type = 'client backend' and ${condition}`
    const row = await this.query(`select count(*)::int as n from pg_stat_activity where ${clients}`)
    return Number(row?.['n'])
  }

  /** Returns when the library has a session for which this holds in `pg_stat_activity`. */
  async untilSession(condition: string): Promise<void> {
    const check = async (): Promise<void> => {
      const count = await this.countSessions(`application_name = 'ibex-db' and ${condition}`)
      if (count === 0) throw new Error('there is no such session')
    }
    await vi.waitFor(check, { timeout: 10_000, interval: 10 })
  }

  /** Holds replay up: what the primary writes arrives and is not seen. */
  async pause(): Promise<void> {
    await this.query('select pg_wal_replay_pause()')
    const check = async (): Promise<void> => {
      const row = await this.query('select pg_get_wal_replay_pause_state() as state')
      if (row?.['state'] !== 'paused') throw new Error('replay goes on')
    }
    await vi.waitFor(check, { timeout: 10_000, interval: 10 })
  }

  /** Lets replay go on; nothing where it does, or where there is none. */
  async resume(): Promise<void> {
    await this.query('select pg_wal_replay_resume() where pg_is_in_recovery()')
  }

  async #answer(): Promise<void> {
    await this.query('select')
  }
}

/** A migrated primary with two replicas that follow it. */
export interface StreamingServers extends AsyncDisposable {
  readonly primary: StreamingServer
  readonly replicas: readonly [StreamingServer, StreamingServer]
  /** Returns when both replicas have replayed what the primary has written. */
  untilReplayed(): Promise<void>
}

/** Starts them, in a directory that disposing takes away. */
export async function startStreamingServers(): Promise<StreamingServers> {
  const programs = findPrograms()
  if (programs === undefined) throw new Error('the server programs are missing')
  const owner = { ...(await ownerOfServers()), cwd: tmpdir() }
  const directory = await mkdtemp(join(tmpdir(), 'ibex-replicas-'))
  await chown(directory, owner.uid, owner.gid)
  const started: StreamingServer[] = []
  const dispose = async (): Promise<void> => {
    await Promise.all(started.map(async (server) => await server.kill()))
    await rm(directory, { recursive: true, force: true })
  }

  async function make(name: string, create: (data: string) => Promise<unknown>): Promise<StreamingServer> {
    const data = join(directory, name)
    await create(data)
    const port = await freePort()
    const command = ['-s', 'INT', String(lifetime), join(programs ?? '', 'postgres'), '-D', data]
    const args = [...command, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
    const server = new StreamingServer(port, () => spawn('timeout', args, { ...owner, stdio: 'ignore' }))
    started.push(server)
    await server.start()
    return server
  }

  try {
    const initdb = ['-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C', '-D']
    const primary = await make(
      'primary',
      async (data) => await run(join(programs, 'initdb'), [...initdb, data], owner),
    )
    await migrateToLatest({ target: { url: primary.url }, provider: migrationProvider })
    const copy = ['-R', '-X', 'stream', '-c', 'fast', '-N', '-d', primary.url, '-D']
    const follow = async (data: string): Promise<unknown> =>
      await run(join(programs, 'pg_basebackup'), [...copy, data], owner)
    const replicas = [await make('one', follow), await make('two', follow)] as const
    const untilReplayed = async (): Promise<void> => {
      const written = await primary.query('select pg_current_wal_insert_lsn()::text as lsn')
      // what comes after it is flushed at once, and it before that
      await primary.query(`select pg_logical_emit_message(true, 'test', '')`)
      for (const replica of replicas) await untilAt(replica, String(written?.['lsn']))
    }
    return { primary, replicas, untilReplayed, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Of all of them: a replica may not have fewer connections than its primary. */
const settings: readonly string[] = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=32MB',
  'max_connections=50',
  'fsync=off',
  // nobody but a test cleans up, and then a replica does not wait for long for those who read
  'autovacuum=off',
  'max_standby_streaming_delay=50ms',
]

/** The port of a server that takes connections and never says a word, until the test is over. */
export async function silentPort(): Promise<number> {
  const silent = createServer(() => {})
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => void silent.close())
  const address = silent.address()
  if (address === null || typeof address === 'string') throw new Error('the port has no number')
  return address.port
}

async function untilAt(replica: StreamingServer, lsn: string): Promise<void> {
  const check = async (): Promise<void> => {
    const row = await replica.query(`select pg_last_wal_replay_lsn() >= '${lsn}' as is_there`)
    if (row?.['is_there'] !== true) throw new Error('the replica has not replayed what was written')
  }
  await vi.waitFor(check, { timeout: 10_000, interval: 10 })
}

/** PostgreSQL does not run as root. */
async function ownerOfServers(): Promise<{ readonly uid: number; readonly gid: number }> {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (option) => Number((await run('id', [option, 'postgres'])).stdout)),
  )
  if (uid === undefined || gid === undefined) throw new Error('there is no user postgres')
  return { uid, gid }
}
