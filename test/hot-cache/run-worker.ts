/** Starts another process that writes or reads hot memories. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Whose memories the other process writes or reads. */
export interface WorkerTarget {
  readonly url: string
  readonly orgId: string
  readonly agentId: string
}

/** Adds a memory in another process, which has no cache. */
export async function writeElsewhere(target: WorkerTarget, content: string): Promise<void> {
  await run({ ...target, content })
}

/** Reads the hot memories in another process, until they come from its cache in Redis. */
export async function readElsewhere(target: WorkerTarget, redis: string): Promise<unknown> {
  return JSON.parse(await run({ ...target, redis }))
}

async function run(task: object): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [worker, JSON.stringify(task)])
  return stdout
}
