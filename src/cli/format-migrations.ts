/** Migrations as a person reads them. */
import type { DryMigration, DryStatement } from '../migration/dry-run.ts'
import type { MigrationProgress } from '../migration/migration-options.ts'
import type { MigrationStatus } from '../migration/migration-status.ts'
import type { Output } from './terminal.ts'

/** One line a migration, with when it ran or what is wrong with it, and the totals. */
export function formatStatus(statuses: readonly MigrationStatus[]): string {
  if (statuses.length === 0) return 'there are no migrations\n'
  const lines = statuses.map(statusLine)
  const counts = Object.entries(Object.groupBy(statuses, ({ state }) => state))
  const totals = counts.map(([state, found]) => `${found.length} ${state}`).join(', ')
  return `${[...lines, '', totals].join('\n')}\n`
}

function statusLine({ name, state, executedAt, isTransactional }: MigrationStatus): string {
  const at = executedAt === undefined ? '' : executedAt.toISOString().slice(0, 16).replace('T', ' ')
  const line = `${state.padEnd(8)}  ${at.padEnd(16)}  ${name}`
  return isTransactional ? line : `${line} (without a transaction)`
}

/** A script, with the migrations as comments; it can be read, and run where the catalog is the same. */
export function formatDryRun(migrations: readonly DryMigration[]): string {
  if (migrations.length === 0) return '-- nothing to migrate\n'
  return `${migrations.map(section).join('\n\n')}\n`
}

function section({ name, direction, statements }: DryMigration): string {
  const title = `-- ${direction.toLowerCase()} ${name}`
  if (statements === undefined) return `${title}: not tried, because it runs without a transaction`
  return [title, ...statements.map(statementText)].join('\n')
}

function statementText({ sql, parameters }: DryStatement): string {
  const values = parameters.map((value, index) => `-- $${index + 1}: ${JSON.stringify(value) ?? 'null'}`)
  // a line comment would swallow a semicolon behind it
  const text = sql.trimEnd()
  const end = /--[^\n]*$/.test(text) ? '\n;' : ';'
  return [...values, `${text}${end}`].join('\n')
}

/** Writes what a runner is doing: a line when a migration begins, ended when it is done. */
export function progressPrinter(out: Output): (progress: MigrationProgress) => void {
  return (progress) => void out.write(progressText(progress))
}

function progressText(progress: MigrationProgress): string {
  switch (progress.kind) {
    case 'waiting':
      return 'waiting for another runner\n'
    case 'running':
      return `${progress.direction.toLowerCase().padEnd(4)} ${progress.name} … `
    case 'done':
      return `${progress.duration} ms\n`
    case 'failed':
      return 'failed\n'
    case 'retrying':
      return `a lock is not free; again in ${progress.delay} ms (${progress.attempt} of ${progress.attempts}) … `
    case 'accepted':
      return `edited, and noted as they are now: ${progress.names.join(', ')}\n`
  }
}
