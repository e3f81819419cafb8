/** A PostgreSQL of its own in a container. */
import type * as Testcontainers from '@testcontainers/postgresql'
import { MissingTestPackageError } from '../errors.ts'

/** A running container. */
export interface RunningContainer {
  /** A superuser's URL. */
  readonly url: string
  /** Safe to call twice. */
  readonly stop: () => Promise<void>
}

/** Starts PostgreSQL with pgvector; nothing in it outlives the container, so nothing is synced to disk. */
export async function startContainer(image = 'pgvector/pgvector:pg17'): Promise<RunningContainer> {
  const { PostgreSqlContainer } = await importTestcontainers()
  const container = await new PostgreSqlContainer(image)
    .withCommand([
      'postgres',
      '-c',
      'fsync=off',
      '-c',
      'full_page_writes=off',
      '-c',
      'synchronous_commit=off',
    ])
    .start()
  let stopping: Promise<unknown> | undefined
  return {
    url: container.getConnectionUri(),
    stop: async () => {
      stopping ??= container.stop()
      await stopping
    },
  }
}

async function importTestcontainers(): Promise<typeof Testcontainers> {
  try {
    return await import('@testcontainers/postgresql')
  } catch (cause) {
    throw new MissingTestPackageError(
      '@testcontainers/postgresql is not installed: npm install --save-dev @testcontainers/postgresql',
      { cause },
    )
  }
}
