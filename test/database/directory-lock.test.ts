import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { lockDirectory } from '../../src/database/directory-lock.ts'
import { EmbeddedEngineError } from '../../src/errors.ts'

/** Above the highest process id that Linux hands out. */
const gone = '4194305'

async function setup(): Promise<{ readonly directory: string; readonly file: string }> {
  const parent = await mkdtemp(join(tmpdir(), 'ibex-lock-'))
  onTestFinished(async () => {
    await rm(parent, { recursive: true, force: true })
  })
  return { directory: join(parent, 'data'), file: join(parent, 'data.lock') }
}

test('holds the directory until it is released', async () => {
  const { directory } = await setup()
  const release = await lockDirectory(directory)
  await expect(lockDirectory(directory)).rejects.toThrow(EmbeddedEngineError)
  await release()
  await (
    await lockDirectory(directory)
  )()
})

test('takes over the lock of a process that is gone, for one of many that try', async () => {
  const { directory, file } = await setup()
  await writeFile(file, gone)
  const tries = await Promise.allSettled(
    Array.from({ length: 8 }, async () => await lockDirectory(directory)),
  )
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await readFile(file, 'utf8')).toBe(String(process.pid))
})

test('leaves a lock alone whose owner has not written its id yet', async () => {
  const { directory, file } = await setup()
  await writeFile(file, '')
  const attempt = lockDirectory(directory)
  await delay(20)
  // at once: this process may be late for both, and the second look at the file is then the next thing to happen
  writeFileSync(file, String(process.pid))
  await expect(attempt).rejects.toThrow('is in use')
})

test('takes over a lock that stays empty: its owner is gone', async () => {
  const { directory, file } = await setup()
  await writeFile(file, '')
  await lockDirectory(directory)
  expect(await readFile(file, 'utf8')).toBe(String(process.pid))
})
