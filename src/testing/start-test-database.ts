/** Starts a database for tests. */
import { InvalidArgumentError } from '../errors.ts'
import { startContainer } from './start-container.ts'
import { loadEmbeddedDatabase, startEmbeddedDatabase } from './start-embedded.ts'
import { cloneServerDatabase, startServerDatabase } from './start-server.ts'
import type { DatabaseSnapshot, StartOptions, TestDatabase } from './test-database.ts'

/**
 * Starts a database for tests, migrates it and hands it over; `await using` or `close()` takes it away again.
 *
 * ```ts
 * await using database = await startTestDatabase({ url: process.env.TEST_DATABASE_URL, migrations: provider })
 * await expectTenantIsolation(database)
 * ```
 *
 * A container, a server by the URL of a superuser, or the embedded engine. A test runner that starts many processes
 * prepares one database and hands its `snapshot()` to the others: a copy takes a tenth of a second.
 *
 * @throws {InvalidArgumentError} when not exactly one of `testcontainers`, `url`, `embedded` and `snapshot` is given.
 * @throws {InsufficientPrivilegeError} when the login is no superuser.
 * @throws {MissingTestPackageError} when `@testcontainers/postgresql` is not installed.
 * @throws {MissingEmbeddedEngineError} when the packages of the embedded engine are not installed.
 * @throws {MigrationError} when a migration fails; then nothing is left behind.
 */
export async function startTestDatabase<DB = unknown>(options: StartOptions): Promise<TestDatabase<DB>> {
  const { testcontainers, url, embedded, snapshot } = checkOptions(options)
  if (snapshot !== undefined) return await openSnapshot(snapshot)
  if (embedded !== undefined) return await startEmbeddedDatabase(options)
  if (url !== undefined) return await startServerDatabase({ ...options, backend: 'server', url })
  const container = await startContainer(testcontainers === true ? undefined : testcontainers?.image)
  return await startServerDatabase({ ...options, backend: 'testcontainers', ...container })
}

async function openSnapshot<DB>(snapshot: DatabaseSnapshot): Promise<TestDatabase<DB>> {
  return snapshot.backend === 'embedded'
    ? await loadEmbeddedDatabase(snapshot)
    : await cloneServerDatabase(snapshot)
}

const sources = ['testcontainers', 'url', 'embedded', 'snapshot'] as const
const known: ReadonlySet<string> = new Set<keyof StartOptions>([...sources, 'migrations', 'prepare'])

function checkOptions(options: StartOptions): StartOptions {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw new InvalidArgumentError(name, 'is no option of startTestDatabase')
  }
  const given = sources.filter((name) => options[name] !== undefined)
  if (given.length !== 1)
    throw new InvalidArgumentError(
      'options',
      `must hold exactly one of ${sources.join(', ')}: a missing variable of the environment leaves url undefined`,
    )
  if (options.snapshot !== undefined && (options.migrations ?? options.prepare) !== undefined)
    throw new InvalidArgumentError('snapshot', 'is prepared already: leave migrations and prepare out')
  return options
}
