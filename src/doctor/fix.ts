/** The statements that mend, as a script to read and as a transaction to run. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DatabaseTarget } from '../database/options.ts'
import { FixFailedError } from '../errors.ts'
import { mapDatabaseError } from '../database/map-error.ts'
import { withDatabase } from './diagnose.ts'
import type { Report } from './diagnose.ts'
import type { Finding } from './findings.ts'

/** The statements that mend one finding. */
interface Step {
  readonly finding: Finding
  readonly statements: readonly string[]
}

// row_security = off: a statement from which row-level security would hide rows fails, instead of finding none
const settings: readonly string[] = ["set local lock_timeout = '5s'", 'set local row_security = off']

/**
 * Writes the script that mends what a report found: one transaction, for the owner of the objects.
 *
 * Read it before you run it. It changes policies, rights and keys; a statement that the data does not allow fails, and then
 * nothing has changed. What only a person can decide stands in it as a comment.
 */
export function fixScript(report: Report): string {
  const steps = stepsOf(report)
  const open = report.findings.filter(({ fix }) => fix.length === 0)
  const lines = [
    '-- Mends what `ibex-db doctor` found. Read it, then run it as the owner of the objects (roles: as an administrator).',
    ...(steps.length === 0 ? ['-- There is nothing that a statement can mend.'] : scriptOf(steps)),
    ...open.flatMap(({ code, object, remedy }) => [
      '',
      `-- ${oneLine(`${code}: ${object}`)}`,
      `-- by hand: ${remedy}`,
    ]),
  ]
  return `${lines.join('\n')}\n`
}

function scriptOf(steps: readonly Step[]): readonly string[] {
  return [
    'begin;',
    ...settings.map((setting) => `${setting};`),
    ...steps.flatMap(({ finding: { code, object }, statements }) => [
      '',
      `-- ${oneLine(`${code}: ${object}`)}`,
      ...statements.map((statement) => `${statement};`),
    ]),
    '',
    'commit;',
  ]
}

/**
 * Runs the statements that mend what a report found, all in one transaction, and returns how many they were.
 *
 * This changes the schema: let somebody read {@link fixScript} first.
 *
 * @throws {FixFailedError} when one fails; then none has taken effect.
 */
export async function applyFix<DB>(target: Kysely<DB> | DatabaseTarget, report: Report): Promise<number> {
  const steps = stepsOf(report)
  if (steps.length === 0) return 0
  await withDatabase(target, async (db) => {
    await db.transaction().execute(async (trx) => {
      for (const setting of settings) await sql.raw(setting).execute(trx)
      for (const step of steps) await runStep(trx, step)
    })
  })
  return steps.reduce((count, { statements }) => count + statements.length, 0)
}

async function runStep<DB>(trx: Kysely<DB>, { finding, statements }: Step): Promise<void> {
  try {
    for (const statement of statements) await sql.raw(statement).execute(trx)
  } catch (error) {
    const cause = mapDatabaseError(error)
    const reason = cause instanceof Error ? cause.message : 'unknown error'
    throw new FixFailedError(
      `mending ${finding.code} of ${finding.object} failed, and nothing was changed: ${reason}`,
      { cause },
    )
  }
}

/** Two findings may need the same statement: the second time it would fail. FORCE is switched off and on as often as said. */
function stepsOf({ findings }: Report): readonly Step[] {
  const seen = new Set<string>()
  return findings.flatMap((finding) => {
    const statements = finding.fix.filter((statement) => {
      const isRepeated = seen.has(statement) && !statement.endsWith(' force row level security')
      seen.add(statement)
      return !isRepeated
    })
    return statements.length === 0 ? [] : [{ finding, statements }]
  })
}

/** A name with a line break would end the comment and begin a statement. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/gu, ' ')
}
