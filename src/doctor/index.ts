/**
 * How a schema keeps tenants apart, examined: `ibex-db/doctor`. Re-exports only.
 *
 * @module
 */
export { diagnose } from './diagnose.ts'
export type { Report, ReportScope } from './diagnose.ts'
export type { Baseline, BaselineEntry, DoctorOptions } from './options.ts'
export type { AcceptedFinding, Finding } from './findings.ts'
export type { Severity } from './rule.ts'
export { parseBaseline, readBaseline } from './baseline.ts'
export { applyFix, fixScript } from './fix.ts'
export { formatText } from './format-text.ts'
export type { TextOptions } from './format-text.ts'
export { formatJson } from './format-json.ts'
export { formatSarif } from './format-sarif.ts'
