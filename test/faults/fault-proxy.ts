/** A TCP proxy that counts the messages of both sides, and does something bad after one of them. */
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Who sends a message: the library, or the server. */
export type Sender = 'client' | 'server'

/** What happens when a message has passed: nothing more of either side does until it is done. */
export interface Fault {
  readonly sender: Sender
  /** The message after which it happens, counted from 1 since the proxy was armed. */
  readonly after: number
  /** `ended` resolves when the server has ended the connection. */
  readonly strike: (cut: Cut, ended: Promise<void>) => Promise<void>
}

/** Ends the connection on both sides. */
export type Cut = () => void

/** A proxy on a free port of this machine. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number
  /** Counts from here on; `fault` happens once, or never when there are fewer messages. */
  arm(fault?: Fault): void
  /** The messages of one side since the proxy was armed. */
  passed(sender: Sender): number
  /** Waits until the fault is done, and both sides have heard of every connection that broke. */
  settled(): Promise<void>
  /** Where new connections lead: a server that was restarted may have another port. */
  lead(url: string): void
}

/** Starts the proxy in front of the server of `url`. */
export async function startFaultProxy(url: string): Promise<FaultProxy> {
  let target = new URL(url)
  let fault: Fault | undefined
  const counts = { client: 0, server: 0 }
  const cuts = new Set<Cut>()
  const breaking = new Set<Cut>()
  let striking: Promise<void> = Promise.resolve()
  const listener = createServer((client) => {
    const server = connect(Number(target.port), target.hostname)
    const cut = (): void => {
      if (cuts.has(cut)) breaking.add(cut)
      client.destroy()
      server.destroy()
    }
    cuts.add(cut)
    const ended = Promise.withResolvers<void>()
    let gate: Promise<void> = Promise.resolve()
    const pass = async (sender: Sender, message: Buffer, to: Socket): Promise<void> => {
      await gate
      if (!to.destroyed) to.write(message)
      counts[sender] += 1
      if (fault?.sender !== sender || fault.after !== counts[sender]) return
      gate = striking = fault.strike(cut, ended.promise)
      fault = undefined
      await gate
    }
    forward(client, server, {
      isFromClient: true,
      pass: async (message) => await pass('client', message, server),
    })
    forward(server, client, {
      isFromClient: false,
      pass: async (message) => await pass('server', message, client),
    })
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
    }
    client.on('close', () => {
      cuts.delete(cut)
      breaking.delete(cut)
      cut()
    })
    server.on('close', () => {
      if (cuts.has(cut)) breaking.add(cut)
      ended.resolve()
      // what the server said before it went away is still on its way to the client
      void gate.then(() => setTimeout(cut, 20))
    })
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  return {
    // a server that listens on TCP has an address of this form
    port: (listener.address() as AddressInfo).port,
    arm: (next) => {
      counts.client = counts.server = 0
      fault = next
    },
    passed: (sender) => counts[sender],
    settled: async () => {
      await striking
      while (breaking.size > 0) await delay(1)
      // what was closed here is heard of in the next turns of this process
      await delay(5)
    },
    lead: (next) => {
      target = new URL(next)
    },
    [Symbol.asyncDispose]: async () => {
      for (const cut of cuts) cut()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** Hands on whole messages, one after the other; the first one of a client has no type. */
function forward(
  from: Socket,
  to: Socket,
  {
    isFromClient,
    pass,
  }: { readonly isFromClient: boolean; readonly pass: (message: Buffer) => Promise<void> },
): void {
  let pending: Buffer = Buffer.alloc(0)
  let hasType = !isFromClient
  let queue: Promise<void> = Promise.resolve()
  from.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    for (;;) {
      const head = hasType ? 1 : 0
      if (pending.length < head + 4) return
      const end = head + pending.readUInt32BE(head)
      if (pending.length < end) return
      const message = Buffer.from(pending.subarray(0, end))
      pending = pending.subarray(end)
      hasType = true
      queue = queue.then(async () => await pass(message))
    }
  })
  from.on('end', () => {
    queue = queue.then(() => void to.end())
  })
}
