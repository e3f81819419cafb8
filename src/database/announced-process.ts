/** The process that serves a connection, as the connection was told when it began. */
import type { ClientBase } from 'pg'

/**
 * Reads the process that was announced: a server tells each client which one serves it, so that it can cancel.
 *
 * A pooler makes the number up, so one that differs from `pg_backend_pid()` gives it away. `pg` keeps it; its types do not say so.
 */
export function announcedProcess(client: ClientBase): unknown {
  return 'processID' in client ? client.processID : undefined
}
