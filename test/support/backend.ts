/** Which backend a run uses, and what its workers are told of it. */
import { getContainerRuntimeClient } from 'testcontainers'

/** Where the suite's databases live: a container of our own, any server by URL, or the embedded engine. */
export type Backend = 'testcontainers' | 'server' | 'embedded'

/** What the worker processes need to know of a server. */
export interface ServerAccess {
  readonly backend: 'testcontainers' | 'server'
  /** A superuser's URL; its database is only used to create and drop others. */
  readonly url: string
  /** What every database of this run is called at the beginning; the template carries no more than this. */
  readonly prefix: string
  /** The port of the PgBouncer that services go through, with `TEST_POOLER=1`. */
  readonly poolerPort?: number | undefined
}

/** What the worker processes need to know of the backend that the global setup started. */
export type BackendAccess =
  | ServerAccess
  | {
      readonly backend: 'embedded'
      /** Data directories as tar files: without and with the migrations. */
      readonly empty: string
      readonly migrated: string
    }

declare module 'vitest' {
  interface ProvidedContext {
    readonly access: BackendAccess
  }
}

/**
 * Chooses the backend: `TEST_BACKEND` says it outright, `TEST_DATABASE_URL` means that server, otherwise it is
 * a container where Docker answers and the embedded engine where it does not.
 *
 * @throws {Error} when the two variables contradict each other or the name is unknown.
 */
export async function chooseBackend(env: NodeJS.ProcessEnv): Promise<Backend> {
  const named = env['TEST_BACKEND']
  const url = env['TEST_DATABASE_URL']
  if (named === 'server' && !url) {
    throw new Error('TEST_BACKEND=server needs TEST_DATABASE_URL: the URL of a superuser')
  }
  if (named === 'testcontainers' || named === 'server' || named === 'embedded') {
    return named
  }
  if (named) {
    throw new Error('TEST_BACKEND is not one of testcontainers, server, embedded')
  }
  if (url) {
    return 'server'
  }
  return (await dockerAnswers()) ? 'testcontainers' : 'embedded'
}

async function dockerAnswers(): Promise<boolean> {
  try {
    await getContainerRuntimeClient()
    return true
  } catch {
    return false
  }
}
