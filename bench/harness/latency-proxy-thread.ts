/** The thread of the latency proxy: holds what goes to the server, and lets the answers pass. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import type { LatencyProxyWork } from './latency-proxy.ts'

// The only starter of this thread is startLatencyProxy, which passes its argument on.
const target = workerData as LatencyProxyWork

// setTimeout counts whole milliseconds, too coarse for a delay of two: the last stretch is slept in naps, short enough
// to look at the sockets in between and long enough to leave the processor to the others.
const timerGrainMs = 1
const napMs = 0.1
const napper = new Int32Array(new SharedArrayBuffer(4))

interface Held {
  readonly due: number
  readonly deliver: () => void
}

// The delay is the same for everybody: the oldest entry is always the next one due, whatever its connection.
const held: Held[] = []
let isReleasing = false

const server = createServer({ noDelay: true, allowHalfOpen: true }, relay)
server.listen(0, '127.0.0.1', () => {
  // A server that listens on a TCP port has an address with a port, never a pipe's name.
  parentPort?.postMessage((server.address() as AddressInfo).port)
})

function relay(client: Socket): void {
  const upstream = connect({ host: target.host, port: target.port, noDelay: true, allowHalfOpen: true })
  let isAnswered = true
  upstream.on('data', () => {
    isAnswered = true
  })
  upstream.pipe(client)
  client.on('data', (chunk) => {
    if (isAnswered) Atomics.add(target.counter, 0, 1)
    isAnswered = false
    hold(() => upstream.write(chunk))
  })
  client.on('end', () => hold(() => upstream.end()))
  cutTogether(client, upstream)
  cutTogether(upstream, client)
}

function cutTogether(one: Socket, other: Socket): void {
  one.on('error', () => other.destroy())
  one.on('close', (hadError) => hadError && other.destroy())
}

function hold(deliver: () => void): void {
  held.push({ due: performance.now() + target.delayMs, deliver })
  if (isReleasing) return
  isReleasing = true
  release()
}

function release(): void {
  const now = performance.now()
  while (held[0] !== undefined && held[0].due <= now) held.shift()?.deliver()
  const next = held[0]
  if (next === undefined) {
    isReleasing = false
    return
  }
  const leftMs = next.due - now
  // A timer may fire late by more than its grain: it is set short, and the naps take the rest.
  if (leftMs > 2 * timerGrainMs) setTimeout(release, leftMs - 2 * timerGrainMs)
  else if (leftMs > timerGrainMs) setTimeout(release, timerGrainMs / 2)
  else {
    Atomics.wait(napper, 0, 0, Math.min(leftMs, napMs))
    setImmediate(release)
  }
}
