/** Starts the process that writes, and listens to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** The script of the process. */
export const writer: string = join(import.meta.dirname, 'writer.ts')

/** What a process has said until it ended. */
export interface Ended {
  readonly lines: readonly string[]
  /** The units of which it said that they were written. */
  readonly acknowledged: readonly number[]
  readonly signal: NodeJS.Signals | null
}

/** Runs a command to its end; it is killed with the test, should that end first. `hear` is told of each line as it comes. */
export async function runToEnd(
  command: readonly [string, ...string[]],
  hear: (count: number, child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const [file, ...args] = command
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    // timeout(1) hands it on to what it runs
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) hear(lines.push(line), child)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return { lines, acknowledged: lines.flatMap(unitOf), signal: child.signalCode }
}

function unitOf(line: string): readonly number[] {
  return line.startsWith('wrote ') ? [Number(line.slice('wrote '.length))] : []
}
