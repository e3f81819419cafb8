/** PGlite in this process, behind the interface of `pg`. */
import type { PGlite } from '@electric-sql/pglite'
import type { ClientConfig } from 'pg'
import { EmbeddedEngineError, MissingEmbeddedEngineError } from '../errors.ts'
import { lockDirectory } from './directory-lock.ts'
import { loadEmbeddedExtensions } from './embedded-extensions.ts'
import type { PGliteInstance } from './options.ts'

/** A running embedded engine: what a `pg.Pool` needs to use it, and how to stop it. */
export interface EmbeddedEngine {
  readonly config: ClientConfig
  /** Calls the handler for every notification that the session hears, until the function that it returns is called. */
  onNotification(handler: (channel: string, payload: string) => void): () => void
  close(): Promise<void>
}

/**
 * Starts the embedded engine, or takes the one that was handed in; that one is the caller's to close.
 *
 * @throws {MissingEmbeddedEngineError} when its packages are not installed.
 * @throws {EmbeddedEngineError} when the directory is in use, damaged or not writable.
 */
export async function startEmbeddedEngine(embedded: string | PGliteInstance): Promise<EmbeddedEngine> {
  const { createPgConfig } = await importEngine(() => import('@electric-sql/pglite/node-postgres'))
  const toEngine = (engine: PGlite, close: () => Promise<void>): EmbeddedEngine => ({
    config: toClientConfig(createPgConfig(engine)),
    onNotification: (handler) => engine.onNotification(handler),
    close,
  })
  if (typeof embedded !== 'string') {
    // whoever has an instance has the package, and with it the class that the interface stands for
    return toEngine(embedded as PGlite, async () => {})
  }
  const { PGlite } = await importEngine(() => import('@electric-sql/pglite'))
  const extensions = await importEngine(loadEmbeddedExtensions)
  const isInMemory = embedded === ':memory:'
  const unlock = isInMemory ? async () => {} : await lockDirectory(embedded)
  try {
    const dataDir = isInMemory ? 'memory://' : embedded
    const engine = await PGlite.create({ dataDir, extensions })
    const close = async (): Promise<void> => {
      try {
        await engine.close()
      } finally {
        await unlock()
      }
    }
    return toEngine(engine, close)
  } catch (cause) {
    await unlock()
    throw new EmbeddedEngineError(
      'the embedded database does not start: its directory is damaged, not writable, or of another version; move it away to begin anew',
      { cause },
    )
  }
}

function toClientConfig(config: object): ClientConfig {
  // PGlite's configuration holds a `connection` that pg takes in place of a socket; pg's types do not know that field
  return { ...config }
}

async function importEngine<M>(load: () => Promise<M>): Promise<M> {
  try {
    return await load()
  } catch (cause) {
    throw new MissingEmbeddedEngineError(
      'the embedded database is not installed: npm install @electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15',
      { cause },
    )
  }
}
