/** A PostgreSQL of the test's own, which crashes and starts again while its container and its port stay. */
import { randomBytes } from 'node:crypto'
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { withClient } from '../support/with-client.ts'

/** What happens to the server; it is up again by itself soon after. */
export type Crash = 'a backend is killed' | 'the server is killed' | 'the server is restarted'

/** A server with durability on. */
export interface CrashServer extends AsyncDisposable {
  /** A superuser's URL. */
  readonly url: string
  crash(how: Crash): Promise<void>
}

/**
 * Starts it in a container, which goes away after `lifetime` seconds even when nobody is left to stop it.
 *
 * @throws {Error} when Docker cannot start the image.
 */
export async function startCrashServer(lifetime: number): Promise<CrashServer> {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true'
  const password = randomBytes(12).toString('hex')
  const forever = 'while true; do docker-entrypoint.sh postgres; sleep 0.2; done'
  const container = await new GenericContainer('pgvector/pgvector:pg17')
    .withAutoRemove(true)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withEntrypoint(['timeout', String(lifetime), 'bash', '-c', forever])
    .withExposedPorts(5432)
    // the first time is for the initialization alone
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start()
  const url = `postgresql://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`
  return {
    url,
    crash: async (how) => await crash(container, url, how),
    [Symbol.asyncDispose]: async () => void (await container.stop({ timeout: 0 })),
  }
}

async function crash(container: StartedTestContainer, url: string, how: Crash): Promise<void> {
  // the first line of the file is the id of the server's first process
  const server = '$(head -n 1 /var/lib/postgresql/data/postmaster.pid)'
  const command = {
    // it takes all the others with it: the memory that they share may be damaged
    'a backend is killed': `kill -9 ${await backendOf(url)}`,
    'the server is killed': `kill -9 ${server}`,
    'the server is restarted': `kill -INT ${server}`,
  }[how]
  const { exitCode, output } = await container.exec(['bash', '-c', command])
  if (exitCode !== 0) throw new Error(`the server was not made to crash: ${output}`)
}

async function backendOf(url: string): Promise<number> {
  const { rows } = await withClient(
    url,
    async (client) =>
      await client.query<{ pid: number }>(
        "select pid from pg_stat_activity where application_name = 'ibex-db' limit 1",
      ),
  )
  const [row] = rows
  if (row === undefined) throw new Error('the library has no connection whose backend could be killed')
  return row.pid
}
