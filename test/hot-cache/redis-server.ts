/** A Redis of a test's own, that can be killed and made to hang. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { inject } from 'vitest'
import { type SkipOptions, skipOnEmbedded } from '../support/skip.ts'
import { until } from './hot-agent.ts'

/** Skips where there is no other process to share with, or no Redis. */
export function skipWithoutRedis(): SkipOptions {
  if (inject('access').backend === 'embedded')
    return skipOnEmbedded('one process: nobody to share a cache with')
  const isInstalled = spawnSync('redis-server', ['--version']).status === 0
  return isInstalled
    ? { skip: false, meta: {} }
    : {
        skip: true,
        meta: { skipReason: 'redis-server is not installed (Debian: apt-get install redis-server)' },
      }
}

/** A client of the package `redis`, connected. */
export type RedisClient = Awaited<ReturnType<typeof connectRedis>>

/** Connects to a Redis by its socket; the client connects again by itself. */
// the type of a client depends on its options
// oxlint-disable-next-line typescript/explicit-function-return-type
export async function connectRedis(path: string) {
  const client = createClient({ socket: { path, tls: false, reconnectStrategy: 50 } })
  client.on('error', () => {})
  return await client.connect()
}

/** A Redis server without persistence, on a socket in a directory of its own. */
export class RedisServer {
  readonly path: string
  readonly #directory: string
  #child: ChildProcess | undefined

  private constructor(directory: string) {
    this.#directory = directory
    this.path = join(directory, 'redis.sock')
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await mkdtemp(join(tmpdir(), 'ibex-redis-')))
    await server.restart()
    return server
  }

  /** Starts it, empty. */
  async restart(): Promise<void> {
    const here = ['--unixsocket', this.path, '--dir', this.#directory]
    const options = ['--port', '0', '--save', '', '--appendonly', 'no', ...here]
    this.#child = spawn('redis-server', options, { stdio: 'ignore' })
    await until(async () => await isListening(this.path))
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Leaves its connections open and answers nothing, until `resume()`. */
  hang(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

async function isListening(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
