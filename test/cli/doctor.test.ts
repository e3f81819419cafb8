import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runCommand } from '../../src/cli/run-command.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
// a role that every cluster has: one of our own would outlive the database
const role = 'pg_checkpoint'

describe('without a database', () => {
  test.each([
    [['--help'], 0, 'usage: ibex-db <command>'],
    [['doctor', '--help'], 0, 'usage: ibex-db doctor'],
    [['doctor', '--format', 'xml', '-h'], 0, 'usage: ibex-db doctor'],
  ])('%j explains itself', async (args, status, text) => {
    const result = await call(args)
    expect(result).toMatchObject({ status, err: '' })
    expect(result.out).toContain(text)
  })

  test.each([
    [[], 'usage: ibex-db <command>'],
    [['docter'], 'there is no such command'],
    [['toString'], 'there is no such command'],
    [['doctor'], '--url is missing, and DATABASE_URL is not set'],
    [['doctor', '--url'], "'--url <value>' argument missing"],
    [['doctor', '--urls', 'x'], 'Unknown option'],
    [['doctor', 'postgresql://x'], 'does not take positional arguments'],
    [['doctor', '--url', 'x'], 'url must look like postgresql://'],
    [['doctor', '--url', 'x', '--format', 'toString'], '--format must be text, json or sarif'],
    [['doctor', '--url', 'x', '--apply'], '--apply needs --fix'],
    [['doctor', '--url', 'x', '--baseline', '/nowhere/doctor.json'], 'the baseline file cannot be read'],
    [['doctor', '--url', 'postgresql://u:secret@127.0.0.1:1/x'], 'the server does not answer (ECONNREFUSED)'],
  ])('%j ends with 3 and says why', async (args, text) => {
    const { status, out, err } = await call(args)
    expect(status).toBe(3)
    expect(`${out}${err}`).toContain(text)
    expect(`${out}${err}`).not.toContain('secret')
    expect(err).not.toContain('    at ')
  })
})

describe('with a database', skipOnEmbedded('the command takes the url of a server'), () => {
  let database: TestDatabase
  let url: string
  let folder: string

  beforeAll(async () => {
    database = await emptyDatabase()
    url = 'url' in database.target ? database.target.url : ''
    folder = await mkdtemp(join(tmpdir(), 'ibex-doctor-'))
  })

  afterAll(async () => {
    await rm(folder, { recursive: true })
    await database.close()
  })

  beforeEach(async () => {
    await run(`create schema shop;
      do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;
      create table shop.notes (org_id uuid not null, id uuid not null, primary key (org_id, id));
      alter table shop.notes enable row level security, force row level security`)
  })

  afterEach(async () => {
    await run('drop schema shop cascade')
  })

  test('ends with 0 when nothing was found, and when there is only information', async () => {
    expect(await doctor()).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringContaining('nothing found'),
    })
    await run('alter table shop.notes add number int generated always as identity')
    const { status, out } = await doctor()
    expect(status).toBe(0)
    expect(out).toContain('1 for information')
  })

  test('ends with 1 for warnings, and with 0 when they are tolerated', async () => {
    await run('alter table shop.notes add constraint short check (true) not valid')
    expect(await doctor()).toMatchObject({ status: 1, out: expect.stringContaining('constraint-not-valid') })
    expect(await doctor('--tolerate-warnings')).toMatchObject({ status: 0 })
  })

  test('ends with 2 for errors, tolerated or not', async () => {
    await run('alter table shop.notes no force row level security')
    expect(await doctor()).toMatchObject({ status: 2, err: '' })
    expect(await doctor('--tolerate-warnings')).toMatchObject({ status: 2 })
  })

  test('takes the url from DATABASE_URL', async () => {
    const { status } = await call(['doctor', '--role', role, '--schema', 'shop'], { DATABASE_URL: url })
    expect(status).toBe(0)
  })

  test('examines with other names', async () => {
    await run('create table shop.tasks (workspace int)')
    const { status, out } = await doctor('--tenant-column', 'workspace', '--setting', 'app.workspace')
    expect(status).toBe(2)
    expect(out).toContain('column shop.tasks.workspace')
    expect(out).not.toContain('shop.notes')
  })

  test('accepts what the baseline accepts, and reports what it need not', async () => {
    await run('alter table shop.notes no force row level security')
    const path = join(folder, 'doctor.json')
    const entry = { code: 'rls-not-forced', object: 'table shop.notes', reason: 'Only the migrator owns it.' }
    await writeFile(path, JSON.stringify({ accepted: [entry] }))
    expect(await doctor('--baseline', path)).toMatchObject({
      status: 0,
      out: expect.stringContaining('nothing found; 1 accepted by the baseline'),
    })

    await run('alter table shop.notes force row level security')
    expect(await doctor('--baseline', path)).toMatchObject({
      status: 1,
      out: expect.stringContaining('baseline-stale'),
    })
  })

  test('writes JSON and SARIF and nothing else to the standard output', async () => {
    await run('alter table shop.notes no force row level security')
    const [json, sarif] = [await doctor('--format', 'json'), await doctor('--format', 'sarif')]
    expect(JSON.parse(json.out)).toMatchObject({ version: 1, findings: [{ code: 'rls-not-forced' }] })
    expect(JSON.parse(sarif.out)).toMatchObject({ version: '2.1.0' })
    expect([json.err, sarif.err, json.status, sarif.status]).toEqual(['', '', 2, 2])
  })

  test('prints the script with --fix and changes nothing', async () => {
    await run('alter table shop.notes no force row level security')
    const { status, out, err } = await doctor('--fix')
    expect({ status, err }).toEqual({ status: 2, err: '' })
    expect(out).toContain('begin;')
    expect(out).toContain('alter table shop.notes force row level security;')
    expect(await doctor()).toMatchObject({ status: 2 })

    // the script is one: what it says can be run as it is
    await run(out)
    expect(await doctor()).toMatchObject({ status: 0 })
  })

  test('runs the script with --fix --apply, and reports what is left', async () => {
    await run('alter table shop.notes no force row level security; alter table shop.notes add number serial')
    const { status, out, err } = await doctor('--fix', '--apply')
    expect(status).toBe(0)
    expect(out).toContain('alter table shop.notes force row level security;')
    expect(err).toContain('statements that were run: 1')
    expect(err).toContain('1 for information')
  })

  test('is coloured on a terminal, unless NO_COLOR says no', async () => {
    await run('alter table shop.notes no force row level security')
    const args = ['doctor', '--url', url, '--role', role, '--schema', 'shop']
    const [plain, terminal] = [await call(args), await call(args, {}, true)]
    expect(terminal.out).not.toBe(plain.out)
    expect(stripVTControlCharacters(terminal.out)).toBe(plain.out)
    expect(await call(args, { NO_COLOR: '1' }, true)).toEqual(plain)
    expect(await call(args, { NO_COLOR: '' }, true)).toEqual(terminal)
  })

  test('is a program', async () => {
    const args = [main, 'doctor', '--url', url, '--role', role, '--schema', 'shop']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout).toContain('nothing found')
    await run('alter table shop.notes no force row level security')
    await expect(promisify(execFile)(process.execPath, args)).rejects.toMatchObject({ code: 2 })
  })

  async function doctor(...args: readonly string[]): Promise<Result> {
    return await call(['doctor', '--url', url, '--role', role, '--schema', 'shop', ...args])
  }

  async function run(script: string): Promise<void> {
    await sql.raw(script).execute(database.admin)
  }
})

interface Result {
  readonly status: number
  readonly out: string
  readonly err: string
}

async function call(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  isTTY = false,
): Promise<Result> {
  const written = { out: '', err: '' }
  const status = await runCommand(args, {
    out: { isTTY, write: (text) => (written.out += text) },
    err: { isTTY, write: (text) => (written.err += text) },
    environment,
  })
  return { status, ...written }
}
