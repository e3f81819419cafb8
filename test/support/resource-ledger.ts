/** The account of what a run has started. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { release, type Resource } from './resources.ts'

/**
 * Keeps account of what a test run has started, so that it is taken away at the end, and even when the run is
 * killed: a small process that outlives this one holds a copy of the list.
 */
export class ResourceLedger {
  readonly #resources: Resource[] = []
  readonly #reaper: ChildProcess

  constructor() {
    this.#reaper = spawn(process.execPath, [fileURLToPath(new URL('reaper.ts', import.meta.url))], {
      // out of the process group that an interrupt or a killed job hits
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#reaper.unref()
    // writing to a reaper that died must not end the run: what it would have done is done by close()
    this.#reaper.stdin?.on('error', () => {})
  }

  /** Enters a resource; to be called before, or right after, it comes into being. */
  add(resource: Resource): void {
    this.#resources.unshift(resource)
    this.#reaper.stdin?.write(`${JSON.stringify(resource)}\n`)
  }

  /** Takes everything away, the latest first, and lets the reaper go. What fails here is left to the reaper. */
  async close(): Promise<void> {
    try {
      for (const resource of this.#resources.splice(0)) {
        await release(resource)
      }
      this.#reaper.stdin?.write('done\n')
    } finally {
      this.#reaper.stdin?.end()
    }
  }
}
