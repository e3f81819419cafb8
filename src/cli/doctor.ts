/** `ibex-db doctor`. */
import { parseArgs } from 'node:util'
import { readBaseline } from '../doctor/baseline.ts'
import { diagnose } from '../doctor/diagnose.ts'
import type { Report } from '../doctor/diagnose.ts'
import { applyFix, fixScript } from '../doctor/fix.ts'
import { formatJson } from '../doctor/format-json.ts'
import { formatSarif } from '../doctor/format-sarif.ts'
import { formatText } from '../doctor/format-text.ts'
import type { DoctorOptions } from '../doctor/options.ts'
import { InvalidArgumentError } from '../errors.ts'
import { wantsColours } from './terminal.ts'
import type { Command, Terminal } from './terminal.ts'

const usage = `usage: ibex-db doctor [options]

  --url <url>             the database to examine (default: DATABASE_URL); only the catalog is read
  --schema <name>         examine this schema; again for several (default: all but those of extensions)
  --tenant-column <name>  the column that ties a row to its tenant (default: org_id)
  --setting <name>        the setting that holds the tenant (default: app.current_org_id)
  --role <name>           the role of a tenant's statements; again for several (default: ibex_app)
  --format <format>       text, json or sarif (default: text)
  --baseline <file>       findings that were looked at and accepted, as JSON
  --tolerate-warnings     exit with 0 when there is nothing worse than warnings
  --fix                   print the SQL that mends what was found, instead of the report
  --apply                 with --fix: run that SQL too, in one transaction, and report what is left

exit status: 0 nothing but information, 1 warnings, 2 errors, 3 it could not run`

const flags = {
  url: { type: 'string' },
  schema: { type: 'string', multiple: true },
  'tenant-column': { type: 'string' },
  setting: { type: 'string' },
  role: { type: 'string', multiple: true },
  format: { type: 'string' },
  baseline: { type: 'string' },
  'tolerate-warnings': { type: 'boolean' },
  fix: { type: 'boolean' },
  apply: { type: 'boolean' },
} as const

type Flags = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values']

/** Examines a database and prints what is wrong with it, or the SQL that mends it. */
export const doctor: Command = { usage, failure: 3, run }

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: flags })
  const format = formatOf(values)
  const url = urlOf(values, terminal)
  const options = await optionsOf(values)
  let report = await diagnose({ url }, options)
  if (values.fix === true) {
    terminal.out.write(fixScript(report))
    if (values.apply !== true) return statusOf(report, values)
    const count = await applyFix({ url }, report)
    terminal.err.write(`statements that were run: ${count}\n`)
    report = await diagnose({ url }, options)
  }
  // what was mended is on the standard output already, as a script that stays one
  const output = values.fix === true ? terminal.err : terminal.out
  output.write(format(report, terminal))
  return statusOf(report, values)
}

const formats: Readonly<Record<string, (report: Report, terminal: Terminal) => string>> = {
  text: (report, terminal) => formatText(report, { isColoured: wantsColours(terminal) }),
  json: formatJson,
  sarif: formatSarif,
}

function formatOf({ format = 'text', fix, apply }: Flags): (report: Report, terminal: Terminal) => string {
  if (apply === true && fix !== true)
    throw new InvalidArgumentError('--apply', 'needs --fix: it changes the database')
  const writer = Object.hasOwn(formats, format) ? formats[format] : undefined
  if (writer === undefined) throw new InvalidArgumentError('--format', 'must be text, json or sarif')
  return writer
}

/** Never the embedded database that other scripts fall back to: a clean report of it would say nothing. */
function urlOf({ url }: Flags, { environment }: Terminal): string {
  const given = url ?? environment['DATABASE_URL'] ?? ''
  if (given !== '') return given
  throw new InvalidArgumentError(
    '--url',
    'is missing, and DATABASE_URL is not set: say which database to examine',
  )
}

async function optionsOf(values: Flags): Promise<DoctorOptions> {
  return {
    schemas: values.schema,
    tenantColumn: values['tenant-column'],
    setting: values.setting,
    roles: values.role,
    baseline: values.baseline === undefined ? undefined : await readBaseline(values.baseline),
  }
}

function statusOf(report: Report, values: Flags): number {
  const status = doctorStatus(report)
  return status === 1 && values['tolerate-warnings'] === true ? 0 : status
}

/** 2 with errors, 1 with warnings, else 0. */
export function doctorStatus({ findings }: Report): number {
  if (findings.some(({ severity }) => severity === 'error')) return 2
  return findings.some(({ severity }) => severity === 'warning') ? 1 : 0
}
