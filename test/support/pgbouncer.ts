/** PgBouncer in front of a server of the tests. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

// Debian installs it where only root's PATH leads
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }

/** True where Debian's package, or another one, is installed. */
export function hasPgBouncer(): boolean {
  return spawnSync('pgbouncer', ['-V'], { env }).status === 0
}

/** A running PgBouncer. */
export interface PgBouncer extends AsyncDisposable {
  readonly port: number
  readonly processId: number | undefined
  /** Holds its configuration. */
  readonly directory: string
}

/** How PgBouncer lends the server's connections. */
export interface PgBouncerOptions {
  /** Connections to each database of the server. */
  readonly poolSize: number
  /** Until the end of a transaction (the default), or of the client's session. */
  readonly mode?: 'transaction' | 'session'
  /** Seconds that a statement waits for a connection to the server (default 120). */
  readonly queryWait?: number
}

/** Starts PgBouncer in front of the server of `url`, any of its databases; disposing it stops the process. */
export async function startPgBouncer(url: string, options: PgBouncerOptions): Promise<PgBouncer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(url, options)
    } catch (error) {
      // the port that was free may be somebody else's by now
      if (attempt === 3) throw error
    }
  }
}

async function start(url: string, options: PgBouncerOptions): Promise<PgBouncer> {
  const directory = await mkdtemp(join(tmpdir(), 'ibex-pgbouncer-'))
  const port = await freePort()
  const file = join(directory, 'pgbouncer.ini')
  await writeFile(file, configuration(new URL(url), port, options))
  // as root it must become somebody else, who has to read the file
  await chmod(directory, 0o755)
  const isRoot = process.getuid?.() === 0
  const child = spawn('pgbouncer', [...(isRoot ? ['-u', 'nobody'] : []), file], { env, stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await untilListening(port, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, processId: child.pid, directory, [Symbol.asyncDispose]: stop }
}

function configuration(
  server: URL,
  port: number,
  { poolSize, mode = 'transaction', queryWait = 120 }: PgBouncerOptions,
): string {
  const login = `user=${decodeURIComponent(server.username)} password=${decodeURIComponent(server.password) || 'none'}`
  return `[databases]
* = host=${server.hostname} port=${server.port || '5432'} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 1000
query_wait_timeout = ${queryWait}
`
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the free port has no number')
  return address.port
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`)
    if (await isListening(port)) return
    await delay(50)
  }
  throw new Error('pgbouncer does not listen after 20 seconds')
}

async function isListening(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
