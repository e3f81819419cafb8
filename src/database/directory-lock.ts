/** Keeps two engines off one directory: they would corrupt it for good. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { EmbeddedEngineError } from '../errors.ts'

/**
 * Takes the lock file beside the directory (`.ibex.lock`), which holds the id of the process, and returns how to release it.
 *
 * The lock of a process that is gone is taken over.
 *
 * @throws {EmbeddedEngineError} when a running process, this one included, holds it, or it cannot be written.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const file = `${resolve(directory)}.lock`
  try {
    await mkdir(dirname(file), { recursive: true })
    await takeLock(file)
  } catch (cause) {
    if (cause instanceof EmbeddedEngineError) throw cause
    throw new EmbeddedEngineError(
      'the lock beside the directory of the embedded database cannot be written',
      { cause },
    )
  }
  return async () => await rm(file, { force: true })
}

async function takeLock(file: string): Promise<void> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    if (isRunning(Number(await readFile(file, 'utf8')))) {
      throw new EmbeddedEngineError(
        'the directory of the embedded database is in use: close the other database, or use a server for several processes',
        { cause: error },
      )
    }
    await rm(file, { force: true })
    await writeFile(file, String(process.pid), { flag: 'wx' })
  }
}

function isRunning(processId: number): boolean {
  if (!Number.isSafeInteger(processId) || processId < 1) return false
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as somebody else
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
