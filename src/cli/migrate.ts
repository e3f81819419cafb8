/** `ibex-db migrate`. */
import { parseArgs } from 'node:util'
import { NO_MIGRATIONS } from 'kysely/migration'
import { migrationProvider } from '../../migrations/index.ts'
import { readBaseline } from '../doctor/baseline.ts'
import { diagnose } from '../doctor/diagnose.ts'
import { formatText } from '../doctor/format-text.ts'
import { IbexError, InvalidArgumentError } from '../errors.ts'
import { dryRun } from '../migration/dry-run.ts'
import { folderMigrations } from '../migration/folder-migrations.ts'
import { migrationStatus, withMigrator } from '../migration/migrate.ts'
import type { MigrateOptions } from '../migration/migrate.ts'
import { doctorStatus } from './doctor.ts'
import { formatDryRun, formatStatus, progressPrinter } from './format-migrations.ts'
import { wantsColours } from './terminal.ts'
import type { Command, Terminal } from './terminal.ts'

const usage = `usage: ibex-db migrate [up|down|status] [options]

  up                       run every migration that has not run yet (the default), each in a transaction of its own
  down                     take the last one back; needs --yes
  status                   say of each whether it has run; changes nothing

  --migrations <folder>    run the files of this folder (default: the migrations of ibex-db itself)
  --url <url>              the database (default: DATABASE_DIRECT_URL, then DATABASE_URL)
  --direct-url <url>       the server's own url, when --url or DATABASE_URL leads through a transaction pooler
  --schema <name>          where it is noted what has run (default: public with --migrations, else ibex_core)
  --table <name>           the name of that table (default: kysely_migration)
  --to <name>              up: the last one to run; down: the last one that stays
  --all                    down: take every one back
  --yes                    down: really; what was in the tables is gone
  --dry-run                print the SQL, in a transaction that is rolled back
  --accept-edited          note edited migrations as they are now, instead of refusing them
  --lock-wait <ms>         how long to wait for another runner (default: 300000)
  --lock-timeout <ms>      how long to wait for a lock that traffic holds, five times (default: 5000)
  --statement-timeout <ms> how long a statement may take (default: 900000)

After up the doctor examines the database (ibex-db doctor --help):
  --no-doctor              not this time
  --strict                 its findings count for the exit status
  --examine <schema>       only this schema; again for several
  --tenant-column <name>, --setting <name>, --role <name>, --baseline <file>

exit status: 0 done, or nothing to do; 1 status: some have not run, --strict: warnings; 2 --strict: errors;
  3 it could not run, or a migration failed`

const flags = {
  migrations: { type: 'string' },
  url: { type: 'string' },
  'direct-url': { type: 'string' },
  schema: { type: 'string' },
  table: { type: 'string' },
  to: { type: 'string' },
  all: { type: 'boolean' },
  yes: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  'accept-edited': { type: 'boolean' },
  'lock-wait': { type: 'string' },
  'lock-timeout': { type: 'string' },
  'statement-timeout': { type: 'string' },
  'no-doctor': { type: 'boolean' },
  strict: { type: 'boolean' },
  examine: { type: 'string', multiple: true },
  'tenant-column': { type: 'string' },
  setting: { type: 'string' },
  role: { type: 'string', multiple: true },
  baseline: { type: 'string' },
} as const

type Flags = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values']

/** Runs migrations, takes them back, or says what has run. */
export const migrate: Command = { usage, failure: 3, run }

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: flags, allowPositionals: true })
  const [action = 'up', ...rest] = positionals
  const perform = Object.hasOwn(actions, action) && rest.length === 0 ? actions[action] : undefined
  if (perform === undefined) throw new InvalidArgumentError('migrate', 'takes one of up, down and status')
  const options = optionsOf(values, terminal)
  return await perform({ values, terminal, options })
}

interface Call {
  readonly values: Flags
  readonly terminal: Terminal
  readonly options: MigrateOptions & { readonly target: { readonly url: string } }
}

const actions: Readonly<Record<string, (call: Call) => Promise<number>>> = { up, down, status }

async function up({ values, terminal, options }: Call): Promise<number> {
  if (values.all === true || values.yes === true)
    throw new InvalidArgumentError(values.all === true ? '--all' : '--yes', 'is for down')
  if (values['dry-run'] === true) return await printDryRun(options, { to: values.to }, terminal)
  const names = await withMigrator(options, async (migrator) => await migrator.up({ to: values.to }))
  terminal.out.write(
    names.length === 0 ? 'nothing to migrate\n' : `migrations that have run: ${names.length}\n`,
  )
  return names.length === 0 || values['no-doctor'] === true ? 0 : await examine({ values, terminal, options })
}

async function down({ values, terminal, options }: Call): Promise<number> {
  if (values.all === true && values.to !== undefined)
    throw new InvalidArgumentError('--all', 'says more than --to: leave one of them out')
  const target = { to: values.all === true ? NO_MIGRATIONS : values.to }
  if (values['dry-run'] === true)
    return await printDryRun(options, { ...target, direction: 'Down' }, terminal)
  if (values.yes !== true) {
    throw new InvalidArgumentError(
      '--yes',
      'is missing: what was in the tables would be gone; see with --dry-run what would be taken back',
    )
  }
  const names = await withMigrator(options, async (migrator) => await migrator.down(target))
  terminal.out.write(names.length === 0 ? 'nothing to take back\n' : `taken back: ${names.length}\n`)
  return 0
}

async function status({ terminal, options }: Call): Promise<number> {
  const statuses = await migrationStatus(options)
  terminal.out.write(formatStatus(statuses))
  return statuses.every(({ state }) => state === 'executed') ? 0 : 1
}

async function printDryRun(
  options: MigrateOptions,
  target: Parameters<typeof dryRun>[1],
  { out }: Terminal,
): Promise<number> {
  out.write(formatDryRun(await dryRun(options, target)))
  return 0
}

async function examine({ values, terminal, options }: Call): Promise<number> {
  try {
    const report = await diagnose(options.target, {
      schemas: values.examine,
      tenantColumn: values['tenant-column'],
      setting: values.setting,
      roles: values.role,
      baseline: values.baseline === undefined ? undefined : await readBaseline(values.baseline),
    })
    terminal.out.write(`\n${formatText(report, { isColoured: wantsColours(terminal) })}`)
    return values.strict === true ? doctorStatus(report) : 0
  } catch (error) {
    // the migrations have run, whatever the doctor cannot do
    if (!(error instanceof IbexError) || values.strict === true) throw error
    terminal.err.write(`the doctor could not examine the database: ${error.message}\n`)
    return 0
  }
}

function optionsOf(values: Flags, terminal: Terminal): Call['options'] {
  const { migrations, schema, table } = values
  return {
    target: { url: urlOf(values, terminal) },
    provider: migrations === undefined ? migrationProvider : folderMigrations(migrations),
    schema: schema ?? (migrations === undefined ? undefined : 'public'),
    table,
    acceptEdited: values['accept-edited'],
    lockWait: milliseconds('--lock-wait', values['lock-wait']),
    lockTimeout: milliseconds('--lock-timeout', values['lock-timeout']),
    statementTimeout: milliseconds('--statement-timeout', values['statement-timeout']),
    onProgress: progressPrinter(terminal.out),
  }
}

/** What is said outright comes before what the environment says, and a direct url before one that may not be. */
function urlOf(values: Flags, { environment }: Terminal): string {
  const named = [values['direct-url'], values.url]
  const found = [...named, environment['DATABASE_DIRECT_URL'], environment['DATABASE_URL']]
  const url = found.find((one) => one !== undefined && one !== '')
  if (url !== undefined) return url
  throw new InvalidArgumentError(
    '--url',
    'is missing, and neither DATABASE_DIRECT_URL nor DATABASE_URL is set: say which database to migrate',
  )
}

function milliseconds(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,10}$/.test(value)) return Number(value)
  throw new InvalidArgumentError(flag, 'must be a number of milliseconds')
}
