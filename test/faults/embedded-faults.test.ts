/** An embedded database whose process is killed while it writes, or whose disk is full. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import type { SkipOptions } from '../support/skip.ts'

const writer = join(import.meta.dirname, 'embedded-writer.ts')
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ibex-faults-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

test(
  'keeps what was acknowledged, and nothing by halves, when its process is killed',
  onEmbedded(),
  async () => {
    const data = join(directory, 'killed')
    const child = spawn(process.execPath, [writer, 'write', data], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      // in the middle of what comes next
      if (lines.length === 40) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    expect(child.signalCode).toBe('SIGKILL')
    const { units, halves } = await readUnits(data)
    expect(halves).toEqual([])
    expect(units).toEqual(expect.arrayContaining([...acknowledged(lines)]))
  },
)

test(
  'tells that the disk is full, keeps what was acknowledged, and goes on when there is room',
  onSmallDisk(),
  async () => {
    // the file system belongs to this process alone, and is gone with it
    const script = `mount -t tmpfs -o size=400m tmpfs "$1" && "$2" "$3" fill "$1/db" &&
    mount -o remount,size=400m tmpfs "$1" && "$2" "$3" check "$1/db"`
    const child = spawn('unshare', ['-rm', 'sh', '-c', script, 'sh', directory, process.execPath, writer], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) lines.push(line)
    const failed = lines.find((line) => line.startsWith('failed '))
    expect(JSON.parse(failed?.slice('failed '.length) ?? 'null')).toMatchObject({
      error: { code: 'disk_full', sqlState: '53100', isRetryable: false },
    })
    const written = acknowledged(lines)
    expect(written.length).toBeGreaterThan(3)
    expect(lines.at(-1)).toBe(`holds ${JSON.stringify({ units: written, halves: [], isWritable: true })}`)
  },
)

/** The units of which the writer said that they were written. */
function acknowledged(lines: readonly string[]): readonly number[] {
  return lines.flatMap((line) => (line.startsWith('wrote ') ? [Number(line.slice('wrote '.length))] : []))
}

async function readUnits(data: string): Promise<{ units: readonly number[]; halves: readonly number[] }> {
  await using database = createDatabase({ embedded: data })
  const { readWritten } = await import('./written-units.ts')
  return await readWritten(database)
}

function onEmbedded(): SkipOptions {
  return inject('access').backend === 'embedded'
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: 'the embedded backend does it' } }
}

function onSmallDisk(): SkipOptions {
  const { skip, meta } = onEmbedded()
  if (skip) return { skip, meta }
  const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0
  return mayMount
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: 'no file system of its own: unshare -rm is not allowed here' } }
}
