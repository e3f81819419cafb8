/** The report for programs. */
import type { Report } from './diagnose.ts'

/** Writes a report as JSON: {@link Report}, and the version of this shape. */
export function formatJson(report: Report): string {
  return `${JSON.stringify({ version: 1, ...report }, null, 2)}\n`
}
