/** Keeps two engines off one directory: they would corrupt it for good. */
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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
    if (!hasCode(error, 'EEXIST')) throw error
    await takeOver(file)
  }
}

async function takeOver(file: string): Promise<void> {
  try {
    await removeStale(file)
    await writeFile(file, String(process.pid), { flag: 'wx' })
  } catch (error) {
    // another process took the lock, or released it, between two looks at it
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) throw inUse(error)
    throw error
  }
}

/** Of several that try at once one gets hold of the file; what it got may by then be the new lock of another. */
async function removeStale(file: string): Promise<void> {
  if (isRunning(await readOwner(file))) throw inUse()
  const claimed = `${file}.${randomUUID()}`
  await rename(file, claimed)
  const isTaken = isRunning(await readOwner(claimed))
  if (isTaken) await link(claimed, file)
  await rm(claimed)
  if (isTaken) throw inUse()
}

/** A lock that is empty is being written at this moment, or was left by a process that ended meanwhile. */
async function readOwner(file: string): Promise<number> {
  const owner = await readFile(file, 'utf8')
  if (owner !== '') return Number(owner)
  await delay(100)
  return Number(await readFile(file, 'utf8'))
}

function inUse(cause?: unknown): EmbeddedEngineError {
  return new EmbeddedEngineError(
    'the directory of the embedded database is in use: close the other database, or use a server for several processes',
    { cause },
  )
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function isRunning(processId: number): boolean {
  if (!Number.isSafeInteger(processId) || processId < 1) return false
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as somebody else
    return hasCode(error, 'EPERM')
  }
}
