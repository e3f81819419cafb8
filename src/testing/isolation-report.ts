/** What a proof found, and how it is printed. */
import type { SkippedObject } from './isolation-probes.ts'
import type { Violation } from './run-probes.ts'
import type { UnfilledTable } from './stored-row.ts'

/** What was proven. */
export interface IsolationReport {
  readonly tables: number
  readonly partitions: number
  readonly views: number
  readonly functions: number
  readonly sequences: number
  readonly probes: number
  readonly violations: readonly Violation[]
  /** Tables without rows, of which nothing is proven. */
  readonly unfilled: readonly UnfilledTable[]
  /** What was left out, and why. */
  readonly skipped: readonly SkippedObject[]
}

/** Writes a report as text: what is wrong comes first, with what to do about it. */
export function formatIsolationReport(report: IsolationReport): string {
  const { violations, unfilled, skipped, tables, probes } = report
  const objects = Map.groupBy(violations, ({ object, probe }) => `${object}: ${probe}`)
  const found = [...objects].flatMap(([title, group]) => linesOf(title, group))
  const empty = unfilled.flatMap(({ table, reason }) => [
    `table ${table}: no rows, so that nothing is proven of it`,
    `  ${reason}`,
    '  → pass factories with values for it, or exempt it with a reason',
  ])
  const left = skipped.map(({ object, reason }) => `not proven: ${object} (${reason})`)
  const verdict =
    violations.length + unfilled.length === 0
      ? `tenants are kept apart: ${probes} probes of ${tables} tables found nothing`
      : `tenants are not kept apart: ${violations.length} of ${probes} probes of ${tables} tables reached across, ${unfilled.length} tables could not be filled`
  return [verdict, ...found, ...empty, ...left].join('\n')
}

function linesOf(title: string, group: readonly Violation[]): readonly string[] {
  const shown = group.slice(0, 3).flatMap(({ seen, statement }) => [`  ${seen}`, `    ${shorten(statement)}`])
  const rest = group.length > 3 ? [`  and ${group.length - 3} more of this kind`] : []
  return [title, ...shown, ...rest, `  → ${group[0]?.advice ?? ''}`]
}

function shorten(statement: string): string {
  return statement.length <= 300 ? statement : `${statement.slice(0, 299)}…`
}
