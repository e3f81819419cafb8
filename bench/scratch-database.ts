/** A database that exists for one run of the benchmark. */
import { randomBytes } from 'node:crypto'
import { startContainer } from '../test/support/container.ts'
import { ResourceLedger } from '../test/support/resource-ledger.ts'
import { urlOfDatabase } from '../test/support/template-server.ts'
import { withClient } from '../test/support/with-client.ts'

/** Holds an empty database of the benchmark's own, which is dropped when it is disposed of. */
export interface ScratchDatabase extends AsyncDisposable {
  readonly url: string
  readonly serverVersion: string
}

/**
 * Creates an empty database on the given server, or on a container that it starts where no server is given.
 *
 * Both are taken away again when the returned object is disposed of, and even when the process is killed.
 *
 * @throws when the login is held by row-level security: the baseline, which has no tenant, would find no rows.
 */
export async function createScratchDatabase(serverUrl: string | undefined): Promise<ScratchDatabase> {
  const ledger = new ResourceLedger()
  try {
    const adminUrl = serverUrl ?? (await startContainer(ledger))
    const name = `ibex_bench_${randomBytes(6).toString('hex')}`
    ledger.add({ kind: 'databases', url: adminUrl, prefix: name })
    const serverVersion = await createDatabaseNamed(name, adminUrl)
    const url = urlOfDatabase(adminUrl, name)
    return { url, serverVersion, [Symbol.asyncDispose]: async () => await ledger.close() }
  } catch (error) {
    await ledger.close()
    throw error
  }
}

async function createDatabaseNamed(name: string, adminUrl: string): Promise<string> {
  return await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ version: string; bypasses: boolean }>(
      `select current_setting('server_version') as version, rolsuper or rolbypassrls as bypasses
         from pg_roles where rolname = current_user`,
    )
    if (rows[0]?.bypasses !== true) {
      throw new Error('the url must be that of a superuser: the baseline reads without a tenant')
    }
    await client.query(`create database ${client.escapeIdentifier(name)}`)
    return rows[0].version
  })
}
