/**
 * Isolation that can be proven, on a schema of your own, in vitest or node:test: `ibex-db/testing`. Re-exports only.
 *
 * @module
 */
export { startTestDatabase } from './start-test-database.ts'
export type { DatabaseSnapshot, StartOptions, TestDatabase } from './test-database.ts'
export { expectTenantIsolation } from './expect-tenant-isolation.ts'
export { formatIsolationReport } from './isolation-report.ts'
export type { IsolationReport } from './isolation-report.ts'
export type { Violation } from './run-probes.ts'
export type { ProbeKind } from './probe.ts'
export type { SkippedObject } from './isolation-probes.ts'
export type { UnfilledTable } from './stored-row.ts'
export { mutatePolicies } from './mutate-policies.ts'
export type { MutationOptions } from './mutate-policies.ts'
export { formatKillScore } from './kill-score.ts'
export type { KillScore, MutantResult } from './kill-score.ts'
export type { RowContext, RowFactory, TestingOptions } from './options.ts'
export type { TestTarget } from './session.ts'
export { TenantIsolationError } from './assertion-errors.ts'
export { expectNoninterference } from './expect-noninterference.ts'
export type { NoninterferenceOptions, NoninterferenceReport } from './expect-noninterference.ts'
export type { Counterexample } from './counterexample.ts'
export type { Interference } from './run-history.ts'
