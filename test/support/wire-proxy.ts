/** A TCP proxy in front of a server that shows what the server says. */
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

/** A proxy on a free port of this machine. */
export interface WireProxy extends AsyncDisposable {
  readonly port: number
  /** Cuts every connection, as a server that goes away does. */
  cut(): void
}

/** Starts the proxy; `onMessage` is called for each message of the server: its type, one letter, and its body. */
export async function startWireProxy(
  url: string,
  onMessage: (type: string, body: Buffer) => void,
): Promise<WireProxy> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    upstream.on('data', messageReader(onMessage))
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
    cut,
    [Symbol.asyncDispose]: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Walks through the messages of the protocol, which may be cut anywhere: a type byte and a length of four. */
function messageReader(onMessage: (type: string, body: Buffer) => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 5) {
      const end = 1 + pending.readUInt32BE(1)
      if (pending.length < end) return
      onMessage(pending.toString('latin1', 0, 1), pending.subarray(5, end))
      pending = pending.subarray(end)
    }
  }
}
