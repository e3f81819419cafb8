/** An embedded database whose process is killed while it writes, or whose disk is full. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { type SkipOptions, skipOnServer } from '../support/skip.ts'
import { runToEnd, writer } from './writer-process.ts'
import { readWritten } from './written-units.ts'

// three times what a slow machine needed to start the engine as often as the tests do
const timeout = 90_000

test(
  'keeps what was acknowledged, and nothing by halves, when its process is killed',
  { ...skipOnServer(), timeout },
  async () => {
    const { directory, archive } = await newDirectory()
    const data = join(directory, 'data')
    await mkdir(data)
    // tar tells that it leaves out the leading slash of the names
    execFileSync('tar', ['-x', '-f', archive, '-C', data], { stdio: 'pipe' })
    const { acknowledged, signal } = await runToEnd(
      [process.execPath, writer, 'write', data],
      (count, child) => {
        // in the middle of what comes next
        if (count === 20) child.kill('SIGKILL')
      },
    )
    expect(signal).toBe('SIGKILL')
    await using database = createDatabase({ embedded: data })
    const { units, halves } = await readWritten(database)
    expect(halves).toEqual([])
    expect(units).toEqual(expect.arrayContaining([...acknowledged]))
  },
)

test(
  'tells that the disk is full, keeps what was acknowledged, and goes on when there is room',
  { ...onSmallDisk(), timeout },
  async () => {
    const { directory, archive } = await newDirectory()
    // the file system belongs to these processes alone, and is gone with them
    const script = `mount -t tmpfs -o size=400m tmpfs "$1" && mkdir "$1/db" &&
      tar -x -f "$4" -C "$1/db" --no-same-owner 2>&1 && "$2" "$3" fill "$1/db" &&
      mount -o remount,size=400m tmpfs "$1" && "$2" "$3" check "$1/db"`
    const args = [directory, process.execPath, writer, archive]
    // an engine that spins ends by itself, even when nobody is left to end it
    const { lines, acknowledged } = await runToEnd([
      'timeout',
      '-s',
      'KILL',
      String(timeout / 1_000),
      'unshare',
      '-rm',
      'sh',
      '-c',
      script,
      'sh',
      ...args,
    ])
    const failed = lines.find((line) => line.startsWith('failed '))
    expect(JSON.parse(failed?.slice('failed '.length) ?? 'null')).toMatchObject({
      error: { code: 'disk_full', sqlState: '53100', isRetryable: false },
    })
    expect(acknowledged.length).toBeGreaterThan(3)
    expect(lines.at(-1)).toBe(
      `holds ${JSON.stringify({ units: acknowledged, halves: [], isWritable: true })}`,
    )
  },
)

/** A directory beside the run's templates, which goes with them should this process be killed. */
async function newDirectory(): Promise<{ readonly directory: string; readonly archive: string }> {
  const access = inject('access')
  if (access.backend !== 'embedded') throw new Error('the embedded backend alone has templates in files')
  const directory = await mkdtemp(join(dirname(access.migrated), 'faults-'))
  onTestFinished(async () => {
    await rm(directory, { recursive: true, force: true })
  })
  return { directory, archive: access.migrated }
}

function onSmallDisk(): SkipOptions {
  const { skip, meta } = skipOnServer()
  if (skip) return { skip, meta }
  const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0
  return mayMount
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: 'no file system of its own: unshare -rm is not allowed here' } }
}
