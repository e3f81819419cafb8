/** The out-of-band message that stops the statement a connection is running. */
import type { Socket } from 'node:net'
import { UnsupportedOnEmbeddedError } from '../errors.ts'
import type { WireClient } from './wire.ts'

/** Milliseconds that the request may take. */
const patience = 5_000

interface CancelConnection {
  readonly stream: Socket
  connect(port: number, host: string): void
  connect(socket: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
  end(): void
  on(event: 'connect' | 'sslconnect' | 'end', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

/**
 * Asks the server to cancel what `client` runs, and waits until the server closed the request's connection.
 *
 * A CancelRequest names the session by its secret key, so unlike `pg_cancel_backend(pid)` it needs no rights and is
 * forwarded by PgBouncer, where the process id that a client sees is not a real one.
 *
 * Protocol: PostgreSQL manual, "Canceling Requests in Progress".
 *
 * @throws {UnsupportedOnEmbeddedError} when the client has no server process.
 */
export async function cancelRequest(client: WireClient): Promise<void> {
  const { processID, secretKey, host, port, ssl } = client
  if (processID === null || secretKey === null) {
    throw new UnsupportedOnEmbeddedError('the embedded database cannot cancel a statement: use a server')
  }
  const { default: driver } = await import('pg')
  // pg exports Connection with these methods, and its client holds TLS options in `ssl`; the types describe older forms
  const connection = new driver.Connection({ ssl }) as unknown as CancelConnection
  await new Promise<void>((resolve, reject) => {
    // a server that does not answer must not hold the caller, who has given up already
    connection.stream.setTimeout(patience, () => connection.stream.destroy())
    const send = (): void => connection.cancel(processID, secretKey)
    connection.on('connect', () => (ssl ? connection.requestSsl() : send()))
    connection.on('sslconnect', send)
    connection.on('error', reject)
    connection.on('end', resolve)
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
    else connection.connect(port, host)
  })
}
