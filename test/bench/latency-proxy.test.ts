import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startLatencyProxy } from '../../bench/harness/latency-proxy.ts'
import type { LatencyProxy } from '../../bench/harness/latency-proxy.ts'

const delayMs = 30

describe('startLatencyProxy', () => {
  it('holds what is sent to the server for the delay, once a round trip', async () => {
    await using bundle = await setup()
    const started = performance.now()
    for (const text of ['one', 'two', 'three']) expect(await exchange(bundle.client, text)).toBe(text)
    expect(performance.now() - started).toBeGreaterThanOrEqual(3 * delayMs)
  })

  it('lets messages that are sent together share one delay and keeps their order', async () => {
    await using bundle = await setup()
    const text = Array.from({ length: 1_000 }, (_, index) => `${index},`).join('')
    const started = performance.now()
    const answer = collect(bundle.client, text.length)
    for (const part of text.match(/.{1,3}/g) ?? []) {
      bundle.client.write(part)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await answer).toBe(text)
    const elapsed = performance.now() - started
    expect(elapsed).toBeGreaterThanOrEqual(delayMs)
    // A proxy that held one message after the other would take 1,300 times the delay.
    expect(elapsed).toBeLessThan(300 * delayMs)
  })

  it('counts what is sent before an answer comes as one round trip', async () => {
    await using bundle = await setup(answerToEnd)
    const before = bundle.proxy.roundTrips()
    await exchange(bundle.client, 'one!')
    const answer = collect(bundle.client, 4)
    bundle.client.write('tw')
    await new Promise((resolve) => setTimeout(resolve, 5))
    bundle.client.write('o!')
    await answer
    expect(bundle.proxy.roundTrips() - before).toBe(2)
  })

  it('keeps connections apart', async () => {
    await using bundle = await setup()
    const others = await Promise.all(Array.from({ length: 8 }, async () => await open(bundle.proxy.port)))
    const answers = await Promise.all(
      others.map(async (client, index) => await exchange(client, `client ${index}`)),
    )
    expect(answers).toEqual(others.map((_, index) => `client ${index}`))
    for (const client of others) client.destroy()
  })

  it('delivers the last bytes before it passes the end of the connection on', async () => {
    await using bundle = await setup()
    const answer = collect(bundle.client, 4)
    bundle.client.end('last')
    expect(await answer).toBe('last')
    await once(bundle.client, 'close')
  })

  it('closes the connection when the server cannot be reached', async () => {
    const bundle = await setup()
    await bundle.stopServer()
    const client = await open(bundle.proxy.port)
    client.on('error', () => undefined)
    expect(
      await Promise.race([once(client, 'close').then(() => 'closed'), exchange(client, 'anybody there?')]),
    ).toBe('closed')
    await bundle.proxy.close()
  })

  it('cuts open connections and frees its port when it is closed', async () => {
    const bundle = await setup()
    await exchange(bundle.client, 'open')
    bundle.client.on('error', () => undefined)
    const closed = once(bundle.client, 'close')
    await bundle.proxy.close()
    await closed
    await expect(open(bundle.proxy.port)).rejects.toThrow('ECONNREFUSED')
    await bundle.stopServer()
  })
})

interface Bundle extends AsyncDisposable {
  readonly proxy: LatencyProxy
  readonly client: Socket
  stopServer(): Promise<void>
}

function echo(socket: Socket): void {
  socket.pipe(socket)
}

/** Echoes only what has come up to its exclamation mark. */
function answerToEnd(socket: Socket): void {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
    if (!text.endsWith('!')) return
    socket.write(text)
    text = ''
  })
}

/** Starts a server that echoes, the proxy before it, and a client that is connected through it. */
async function setup(answer: (socket: Socket) => void = echo): Promise<Bundle> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => void sockets.add(socket.on('error', () => undefined)))
  // A server that listens on a TCP port has an address with a port.
  const proxy = await startLatencyProxy({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    delayMs,
  })
  const client = await open(proxy.port)
  const stopServer = async (): Promise<void> => await stop(server, sockets)
  const dispose = async (): Promise<void> => {
    client.destroy()
    await proxy.close()
    await stopServer()
  }
  return { proxy, client, stopServer, [Symbol.asyncDispose]: dispose }
}

async function stop(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const socket of sockets) socket.destroy()
  await closed
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  return socket
}

async function exchange(client: Socket, text: string): Promise<string> {
  const answer = collect(client, text.length)
  client.write(text)
  return await answer
}

async function collect(client: Socket, length: number): Promise<string> {
  let text = ''
  return await new Promise((resolve) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString()
      if (text.length < length) return
      client.off('data', take)
      resolve(text)
    }
    client.on('data', take)
  })
}
