/** Counts round trips where they happen: on the wire. */
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { once } from 'node:events'

/** A TCP proxy in front of a server that counts how often the server was asked and answered. */
export interface FlightCounter extends AsyncDisposable {
  readonly port: number
  /** ReadyForQuery messages so far: the server sends one for each Sync, and one when a connection is ready. */
  readonly flights: number
  /** Cuts every connection, as a server that goes away does. */
  cut(): void
}

/** Starts the proxy on a free port. */
export async function countFlights(url: string): Promise<FlightCounter> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let flights = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const count = messageCounter('Z', () => void (flights += 1))
    upstream.on('data', count)
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    // a server that listens on TCP has an address of this form
    port: (server.address() as AddressInfo).port,
    get flights() {
      return flights
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Walks through the messages of the protocol, which may be cut anywhere: a type byte and a length of four. */
function messageCounter(type: string, found: () => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 5) {
      const end = 1 + pending.readUInt32BE(1)
      if (pending.length < end) return
      if (pending.toString('latin1', 0, 1) === type) found()
      pending = pending.subarray(end)
    }
  }
}
