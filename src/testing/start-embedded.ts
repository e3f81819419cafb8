/** Test databases in the embedded engine. */
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { loadEmbeddedExtensions } from '../database/embedded-extensions.ts'
import { MissingEmbeddedEngineError } from '../errors.ts'
import { openTestDatabase, prepareDatabase } from './open-test-database.ts'
import type { DatabaseSnapshot, StartOptions, TestDatabase } from './test-database.ts'

/** Starts an engine in memory and keeps a copy of what was prepared in it. */
export async function startEmbeddedDatabase<DB>(
  options: Pick<StartOptions, 'migrations' | 'prepare'>,
): Promise<TestDatabase<DB>> {
  const engine = await createEngine()
  try {
    await prepareDatabase({ embedded: engine }, options)
    return await openEngine(engine, await engine.dumpDataDir('none'))
  } catch (error) {
    if (!engine.closed) await engine.close()
    throw error
  }
}

/** Loads the copy that another process has written. */
export async function loadEmbeddedDatabase<DB>(
  snapshot: Extract<DatabaseSnapshot, { readonly archive: string }>,
): Promise<TestDatabase<DB>> {
  const archive = new Blob([await readFile(snapshot.archive)])
  return await openEngine(await createEngine(archive), archive)
}

async function openEngine<DB>(engine: PGlite, archive: Blob): Promise<TestDatabase<DB>> {
  let written: Promise<string> | undefined
  return await openTestDatabase<DB>({
    backend: 'embedded',
    target: { embedded: engine },
    snapshot: async () => {
      written ??= writeArchive(archive)
      return { backend: 'embedded', archive: await written }
    },
    clone: async <Other>() => await openEngine<Other>(await createEngine(archive), archive),
    drop: async () => {
      await engine.close()
      if (written !== undefined) await rm(await written, { force: true })
    },
  })
}

async function writeArchive(archive: Blob): Promise<string> {
  const file = join(tmpdir(), `ibex-testing-${randomBytes(8).toString('hex')}.tar`)
  await writeFile(file, Buffer.from(await archive.arrayBuffer()), { mode: 0o600 })
  return file
}

async function createEngine(loadDataDir?: Blob): Promise<PGlite> {
  try {
    const [{ PGlite }, extensions] = await Promise.all([
      import('@electric-sql/pglite'),
      loadEmbeddedExtensions(),
    ])
    const data = loadDataDir === undefined ? {} : { loadDataDir }
    return await PGlite.create({ extensions, ...data })
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause
    throw new MissingEmbeddedEngineError(
      'the embedded database is not installed: npm install @electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15',
      { cause },
    )
  }
}
