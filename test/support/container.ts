/** The container of the testcontainers backend. */
import { randomBytes } from 'node:crypto'
import { PostgreSqlContainer } from '@testcontainers/postgresql'
import type { ResourceLedger } from './resource-ledger.ts'

/**
 * Starts PostgreSQL 17 with pgvector in a container and returns a superuser's URL.
 *
 * The ledger removes the container when the run ends or is killed, so that the reaper image of testcontainers
 * (one more download, and not to be had everywhere) is used only where `TESTCONTAINERS_RYUK_DISABLED=false` asks for it.
 *
 * @throws {Error} when Docker answers but cannot start the image.
 */
export async function startContainer(ledger: ResourceLedger): Promise<string> {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true'
  // the name is an id too, and known before there is a container: a run that is killed meanwhile leaves none
  const name = `ibex-test-${randomBytes(6).toString('hex')}`
  ledger.add({ kind: 'container', id: name })
  try {
    const container = await new PostgreSqlContainer('pgvector/pgvector:pg17')
      .withName(name)
      // each test file clones the template: a copy within memory takes a fifth of the time
      .withTmpFs({ '/var/lib/postgresql/data': 'rw' })
      .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
      .start()
    return container.getConnectionUri()
  } catch (error) {
    const message =
      'docker answers but did not start pgvector/pgvector:pg17: set TEST_BACKEND=embedded to do without'
    throw new Error(message, { cause: error })
  }
}

/** Durability is off: nothing outlives the run. The benchmark opens a pool of 16 for each of a dozen libraries. */
const settings = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off', 'max_connections=300']
