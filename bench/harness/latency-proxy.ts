/** A network of a given delay in front of the server. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/**
 * Starts a TCP proxy that holds every byte on its way to the server for `delayMs`, and lets answers pass at once.
 *
 * One round trip therefore takes `delayMs` longer, and any number of messages that travel together share that delay:
 * what a network does. The order of bytes is kept and TCP_NODELAY is set on both sides. The proxy runs in a thread of
 * its own, so that it takes no time from the event loop that is being measured.
 *
 * ```ts
 * await using proxy = await startLatencyProxy({ host: '127.0.0.1', port: 5432, delayMs: 2 })
 * const pool = new pg.Pool({ host: '127.0.0.1', port: proxy.port })
 * ```
 */
export async function startLatencyProxy(target: LatencyProxyTarget): Promise<LatencyProxy> {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  const workerData: LatencyProxyWork = { ...target, counter }
  const thread = new Worker(new URL('./latency-proxy-thread.ts', import.meta.url), { workerData })
  const [port] = await once(thread, 'message')
  const close = async (): Promise<void> => void (await thread.terminate())
  // The thread's first and only message is the port number that it listens on.
  return {
    port: port as number,
    roundTrips: () => Atomics.load(counter, 0),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Names the server behind the proxy and the delay, in milliseconds, of every byte sent to it. */
export interface LatencyProxyTarget {
  readonly host: string
  readonly port: number
  readonly delayMs: number
}

/** What the thread is started with: the counter is shared with it. */
export interface LatencyProxyWork extends LatencyProxyTarget {
  readonly counter: Int32Array
}

/** Listens on a free port of 127.0.0.1 until it is closed; closing cuts the connections that are still open. */
export interface LatencyProxy extends AsyncDisposable {
  readonly port: number
  /**
   * Round trips so far, of all connections: how often a client has begun to send after the server's last answer. What is
   * sent before an answer comes belongs to the same one.
   */
  roundTrips(): number
  close(): Promise<void>
}
