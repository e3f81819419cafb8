import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { usage } from '../../examples/quickstart/arguments.ts'

const main = join(import.meta.dirname, '../../examples/quickstart/main.ts')

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** What it left in the folder where it ran. */
  readonly left: readonly string[]
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const cwd = await mkdtemp(join(tmpdir(), 'ibex-quickstart-main-'))
  onTestFinished(async () => {
    await rm(cwd, { recursive: true })
  })
  await writeFile(join(cwd, 'broken.csv'), 'user 1 personas\n"a')
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { PATH: process.env['PATH'], ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, stdout, stderr, left: (await readdir(cwd)).filter((name) => name !== 'broken.csv') }
}

test('explains itself and ends with 0', async () => {
  expect(await run(['--help'])).toEqual({ code: 0, stdout: `${usage}\n`, stderr: '', left: [] })
})

test.each([
  ['an unknown option', ['--fast'], {}, "quickstart: unknown option '--fast': see --help\n"],
  [
    'a missing file',
    ['none.csv'],
    {},
    'quickstart: none.csv: no such file: check the path, it is taken from where you are\n',
  ],
  [
    'a directory',
    ['.'],
    {},
    'quickstart: .: not a file: pass the path of a CSV file, not a directory or a pipe\n',
  ],
  [
    'a broken file',
    ['broken.csv'],
    {},
    /^quickstart: broken\.csv: line 2: a quote .+ is not closed: close it\n$/,
  ],
  ['a URL that is none', [], { DATABASE_URL: 'not a url' }, /^quickstart: .+\n$/],
  [
    'a server that does not answer',
    [],
    { DATABASE_URL: 'postgresql://127.0.0.1:1/none' },
    /^quickstart: .+\n$/,
  ],
])('ends with 1, one line, no stack and nothing written for %s', async (_, args, env, message) => {
  const { code, stderr, left } = await run(args, env)
  expect(stderr).toMatch(message)
  expect({ code, left }).toEqual({ code: 1, left: [] })
})

test('ends with 0 when the reader of its output has gone, as with `| head`', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'ibex-quickstart-main-'))
  onTestFinished(async () => {
    await rm(cwd, { recursive: true })
  })
  const child = spawn(process.execPath, [main], { cwd, env: { PATH: process.env['PATH'] } })
  child.stdout.once('data', () => child.stdout.destroy())
  let stderr = ''
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve)
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}, 120_000)
