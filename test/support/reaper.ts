/**
 * A process of its own, started by resource-ledger.ts: reads resources as JSON lines, and when its input ends without
 * `done` the run was killed, so it takes away what that run has left.
 */
import { createInterface } from 'node:readline'
import { release, type Resource } from './resources.ts'

const left: Resource[] = []

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'done') {
    left.length = 0
  } else {
    // the only writer is resource-ledger.ts, which serializes a Resource.
    left.unshift(JSON.parse(line) as Resource)
  }
}

await Promise.allSettled(left.map(async (resource) => await release(resource)))
