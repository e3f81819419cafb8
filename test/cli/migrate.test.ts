import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { serverUrl } from '../support/server-url.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

const root = join(import.meta.dirname, '../..')

describe('without a database', () => {
  test.each([
    [['migrate', '--help'], 'usage: ibex-db migrate'],
    [['--help'], 'migrate  runs migrations'],
  ])('%j explains itself', async (args, text) => {
    const result = await call(args)
    expect(result).toMatchObject({ status: 0, err: '' })
    expect(result.out).toContain(text)
  })

  const url = ['--url', 'postgresql://u:secret@127.0.0.1:1/x']

  test.each([
    [['migrate'], '--url is missing, and neither DATABASE_DIRECT_URL nor DATABASE_URL is set'],
    [['migrate', 'sideways'], 'migrate takes one of up, down and status'],
    [['migrate', 'toString', ...url], 'migrate takes one of up, down and status'],
    [['migrate', 'up', 'down', ...url], 'migrate takes one of up, down and status'],
    [['migrate', '--migration', 'x'], 'Unknown option'],
    [['migrate', 'down', ...url], '--yes is missing'],
    [['migrate', 'up', '--all', ...url], '--all is for down'],
    [['migrate', 'down', '--all', '--to', 'x', ...url], '--all says more than --to'],
    [['migrate', '--lock-wait', 'soon', ...url], '--lock-wait must be a number of milliseconds'],
    [['migrate', '--schema', 'x'.repeat(60), ...url], 'schema must be a name of 1 to 58 bytes'],
    [['migrate', ...url], 'the server does not answer (ECONNREFUSED)'],
    [['migrate', 'status', ...url], 'the server does not answer (ECONNREFUSED)'],
  ])('%j ends with 3 and says why', async (args, text) => {
    const { status, out, err } = await call(args)
    expect(status).toBe(3)
    expect(err).toContain(text)
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
    url = serverUrl(database)
    folder = await mkdtemp(join(tmpdir(), 'ibex-migrate-'))
    await run(
      `do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$`,
    )
  })

  afterAll(async () => {
    await rm(folder, { recursive: true })
    await database.close()
  })

  beforeEach(async () => {
    await run('drop schema if exists shop cascade; create schema shop')
    await rm(folder, { recursive: true })
    await mkdir(folder)
    await file('1_create.ts', 'create table shop.notes (id int primary key)', 'drop table shop.notes')
    await file('2_fill.ts', 'insert into shop.notes values (1)', 'delete from shop.notes')
  })

  test('runs the migrations of a folder, says so, and lets the doctor look', async () => {
    const { status, out, err } = await migrate()
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toMatch(
      /^up {3}1_create … \d+ ms\nup {3}2_fill … \d+ ms\nmigrations that have run: 2\n\nibex-db doctor: .*warning no-tenant-table.*\n1 warning\n$/s,
    )
    expect(await migrate()).toEqual({ status: 0, out: 'nothing to migrate\n', err: '' })
  })

  test('says what has run, and ends with 1 while something has not', async () => {
    const pending = await migrate('status')
    expect(pending.status).toBe(1)
    expect(pending.out).toMatch(/^pending .* 1_create\npending .* 2_fill\n\n2 pending\n$/)
    await migrate('up', '--to', '1_create', '--no-doctor')
    const { status, out } = await migrate('status')
    expect(status).toBe(1)
    expect(out).toMatch(/^executed {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}1_create\n/)
    expect(out).toContain('1 executed, 1 pending')
    await migrate('--no-doctor')
    expect(await migrate('status')).toMatchObject({ status: 0 })
  })

  test('prints the SQL with --dry-run, and changes nothing', async () => {
    await writeFile(
      join(folder, '3_index.ts'),
      `export const config = { transaction: false }\nexport async function up() { throw new Error('ran') }`,
    )
    const { status, out } = await migrate('--dry-run')
    expect(status).toBe(0)
    expect(out).toBe(`-- up 1_create
create table shop.notes (id int primary key);

-- up 2_fill
insert into shop.notes values (1);

-- up 3_index: not tried, because it runs without a transaction
`)
    expect((await migrate('status')).out).toContain('3 pending')
    // the script is one
    await run(out)
    expect(await count()).toBe(1)
  })

  test('takes migrations back only when told so twice', async () => {
    await migrate('--no-doctor')
    expect(await migrate('down')).toMatchObject({
      status: 3,
      err: expect.stringContaining('--yes is missing'),
    })
    expect(await migrate('down', '--dry-run')).toEqual({
      status: 0,
      out: '-- down 2_fill\ndelete from shop.notes;\n',
      err: '',
    })
    expect(await count()).toBe(1)
    expect(await migrate('down', '--yes')).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^down 2_fill … \d+ ms\ntaken back: 1\n$/),
    })
    expect(await count()).toBe(0)
    expect(await migrate('down', '--all', '--yes')).toMatchObject({ status: 0 })
    expect((await migrate('status')).out).toContain('2 pending')
  })

  test('ends with 3 when a migration fails, and keeps those before it', async () => {
    await file('3_wrong.ts', 'select 1/0', 'select 1')
    const { status, out, err } = await migrate()
    expect(status).toBe(3)
    expect(out).toContain('3_wrong … failed\n')
    expect(err).toMatch(/^migration 3_wrong failed, and nothing of it was kept \(2 before it have run\): /)
    expect(await count()).toBe(1)
  })

  test('names an edited file, until --accept-edited', async () => {
    await migrate('--no-doctor')
    await file('1_create.ts', 'create table shop.notes (id bigint primary key)', 'drop table shop.notes')
    expect(await migrate()).toEqual({
      status: 3,
      out: '',
      err:
        'edited after it had run: 1_create: restore it and write a new migration, or say acceptEdited (--accept-edited) ' +
        'when the database is as the file says\n',
    })
    expect((await migrate('status')).out).toContain('edited ')
    expect(await migrate('--accept-edited')).toMatchObject({
      status: 0,
      out: 'edited, and noted as they are now: 1_create\nnothing to migrate\n',
    })
    expect(await migrate('status')).toMatchObject({ status: 0 })
  })

  test('does not call a change of line ends an edit', async () => {
    await migrate('--no-doctor')
    const source = migration('create table shop.notes (id int primary key)', 'drop table shop.notes')
    await writeFile(join(folder, '1_create.ts'), `\uFEFF${source.replaceAll('\n', '\r\n')}`)
    expect(await migrate('status')).toMatchObject({ status: 0 })
  })

  test('compares with the checksums that a compiled folder keeps', async () => {
    const list = `export const checksums = { '1_create': 'ts:1', '2_fill': 'ts:2' }`
    await writeFile(join(folder, 'checksums.js'), list)
    await migrate('--no-doctor')
    await file(
      '1_create.ts',
      'create table shop.notes (id int primary key) -- compiled',
      'drop table shop.notes',
    )
    expect(await migrate('status')).toMatchObject({ status: 0 })

    await rm(join(folder, 'checksums.js'))
    await writeFile(join(folder, 'checksums.mjs'), list.replace('ts:1', 'ts:one'))
    expect((await migrate('status')).out).toContain('1 edited')
    await rm(join(folder, 'checksums.mjs'))
    await writeFile(join(folder, 'checksums.mts'), 'export const sums = 1')
    expect((await migrate('status')).err).toContain('exports no "checksums"')
  })

  test.each([
    ['3_syntax.ts', 'export async function up( {', 'migration 3_syntax cannot be imported'],
    ['3_empty.ts', '', 'migration 3_empty has no function "up"'],
    ['2_fill.js', 'export const up = 1', 'migration 2_fill is there twice'],
  ])('runs nothing when %s is wrong', async (name, text, message) => {
    await writeFile(join(folder, name), text)
    const { status, out, err } = await migrate()
    expect({ status, out }).toEqual({ status: 3, out: '' })
    expect(err).toContain(message)
  })

  test('leaves declarations and other files alone', async () => {
    for (const name of ['1_create.d.ts', 'index.ts', 'README.md', '3_create.sql']) {
      await writeFile(join(folder, name), 'no module {')
    }
    expect((await migrate('status')).out).toContain('2 pending')
  })

  test('says that a folder is not there', async () => {
    const { status, err } = await call(['migrate', '--url', url, '--migrations', join(folder, 'nothing')])
    expect(status).toBe(3)
    expect(err).toContain('the folder of the migrations cannot be read')
  })

  test('counts the findings of the doctor with --strict', async () => {
    await file('3_leak.ts', 'create table shop.tasks (org_id uuid)', 'drop table shop.tasks')
    const { status, out } = await migrate('--strict')
    expect(status).toBe(2)
    expect(out).toContain('rls-disabled')
    await migrate('down', '--yes')
    expect(await migrate()).toMatchObject({ status: 0, out: expect.stringContaining('rls-disabled') })
  })

  test('prefers what is said to the environment, and a direct url to another', async () => {
    const dead = 'postgresql://127.0.0.1:1/x'
    const args = ['migrate', 'status', '--migrations', folder, '--schema', 'shop']
    const pending = { status: 1, err: '' }
    expect(await call(args, { DATABASE_URL: url })).toMatchObject(pending)
    expect(await call(args, { DATABASE_URL: dead, DATABASE_DIRECT_URL: url })).toMatchObject(pending)
    expect(await call([...args, '--url', url], { DATABASE_DIRECT_URL: dead })).toMatchObject(pending)
    expect(await call([...args, '--url', dead, '--direct-url', url])).toMatchObject(pending)
    expect(await call(args, { DATABASE_DIRECT_URL: dead, DATABASE_URL: url })).toMatchObject({ status: 3 })
  })

  test('knows the migrations of the package', async () => {
    const names = Object.keys(await migrationProvider.getMigrations())
    const { out } = await call(['migrate', 'status', '--url', url])
    expect(out).toContain(`\n${names.length} pending\n`)
  })

  test('is a program', async () => {
    const main = join(root, 'src/cli/main.ts')
    const args = [main, 'migrate', '--url', url, '--migrations', folder, '--schema', 'shop', '--no-doctor']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout).toContain('migrations that have run: 2')
  })

  async function migrate(...args: readonly string[]): Promise<Result> {
    const [first = ''] = args
    const action = first.startsWith('--') || first === '' ? [] : [first]
    const rest = args.slice(action.length)
    const own = ['--url', url, '--migrations', folder, '--schema', 'shop']
    return await call(['migrate', ...action, ...own, ...doctorOptions(action, rest), ...rest])
  }

  async function file(name: string, up: string, down: string): Promise<void> {
    await writeFile(join(folder, name), migration(up, down))
  }

  async function count(): Promise<number> {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from shop.notes`.execute(
      database.admin,
    )
    return rows[0]?.count ?? -1
  }

  async function run(script: string): Promise<void> {
    await sql.raw(script).execute(database.admin)
  }
})

/** A role that every cluster has: one of our own would outlive the database. */
function doctorOptions(action: readonly string[], rest: readonly string[]): readonly string[] {
  return action.length > 0 || rest.includes('--no-doctor')
    ? []
    : ['--examine', 'shop', '--role', 'pg_checkpoint']
}

function migration(up: string, down: string): string {
  return `export async function up(db) {\n  ${query(up)}\n}\nexport async function down(db) {\n  ${query(down)}\n}\n`
}

/** A file in the folder of temporary files finds no packages, so no `sql` of Kysely's. */
function query(text: string): string {
  const node = "{ kind: 'RawNode', sqlFragments: [], parameters: [] }"
  return `await db.executeQuery({ sql: ${JSON.stringify(text)}, parameters: [], query: ${node}, queryId: { queryId: '' } })`
}

interface Result {
  readonly status: number
  readonly out: string
  readonly err: string
}

async function call(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Result> {
  const written = { out: '', err: '' }
  const status = await runCommand(args, {
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
    environment,
  })
  return { status, ...written }
}
