/** A database that exists for one run of the benchmark, and a login of its own. */
import { randomBytes } from 'node:crypto'
import { startContainer } from '../../test/support/container.ts'
import { ResourceLedger } from '../../test/support/resource-ledger.ts'
import { urlOfDatabase } from '../../test/support/template-server.ts'
import { withClient } from '../../test/support/with-client.ts'

/** Holds an empty database of the benchmark's own, which is dropped when it is disposed of. */
export interface ScratchDatabase extends AsyncDisposable {
  readonly url: string
  readonly serverVersion: string
  /** Connections that are free on the server, without those that are kept for superusers. */
  readonly freeConnections: number
  /** Creates a login that is a member of `ibex_app` and inherits its rights, and returns the url of the database for it. */
  createLogin(): Promise<string>
}

/**
 * Creates an empty database on the given server, or on a container that it starts where no server is given.
 *
 * Both, and the logins, are taken away again when the returned object is disposed of, and even when the process is killed.
 *
 * @throws when the login is held by row-level security: the baseline, which has no tenant, would find no rows.
 */
export async function createScratchDatabase(serverUrl: string | undefined): Promise<ScratchDatabase> {
  const ledger = new ResourceLedger()
  try {
    const adminUrl = serverUrl ?? (await startContainer(ledger))
    const suffix = randomBytes(6).toString('hex')
    const name = `ibex_bench_${suffix}`
    // before the database: what is entered last is taken away first, and a login must have nothing left
    ledger.add({ kind: 'role', url: adminUrl, name })
    ledger.add({ kind: 'databases', url: adminUrl, prefix: name })
    const server = await createDatabaseNamed(name, adminUrl)
    const url = urlOfDatabase(adminUrl, name)
    return {
      url,
      ...server,
      createLogin: async () => await createLoginNamed(name, url),
      [Symbol.asyncDispose]: async () => await ledger.close(),
    }
  } catch (error) {
    await ledger.close()
    throw error
  }
}

interface Server {
  readonly serverVersion: string
  readonly freeConnections: number
}

async function createDatabaseNamed(name: string, adminUrl: string): Promise<Server> {
  return await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<Server & { bypasses: boolean }>(
      `select current_setting('server_version') as "serverVersion", rolsuper or rolbypassrls as bypasses,
              current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                - (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as "freeConnections"
         from pg_roles where rolname = current_user`,
    )
    if (rows[0]?.bypasses !== true) {
      throw new Error('the url must be that of a superuser: the baseline reads without a tenant')
    }
    await client.query(`create database ${client.escapeIdentifier(name)}`)
    return { serverVersion: rows[0].serverVersion, freeConnections: rows[0].freeConnections }
  })
}

async function createLoginNamed(name: string, url: string): Promise<string> {
  const password = randomBytes(16).toString('hex')
  await withClient(url, async (client) => {
    await client.query(
      `create role ${client.escapeIdentifier(name)} login nosuperuser inherit password '${password}' in role ibex_app`,
    )
  })
  const login = new URL(url)
  login.username = name
  login.password = password
  return login.href
}
