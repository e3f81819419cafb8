/** Proves that tenants are kept apart, for everything that the catalog holds. */
import { TenantIsolationError } from './assertion-errors.ts'
import { fillForProof } from './fill-for-proof.ts'
import { exemptSubjects, planProbes } from './isolation-probes.ts'
import { formatIsolationReport } from './isolation-report.ts'
import type { IsolationReport } from './isolation-report.ts'
import { provenTablesOf } from './model.ts'
import type { TestModel } from './model.ts'
import { resolveTestingOptions } from './options.ts'
import type { TestingOptions } from './options.ts'
import { readModel } from './read-model.ts'
import { ProbeRunner } from './run-probes.ts'
import { withSession } from './session.ts'
import type { TestSession, TestTarget } from './session.ts'

/**
 * Proves that one tenant can neither see nor change what another one has.
 *
 * Makes two tenants with rows in every table, and sends as the first every statement that might reach the second: read,
 * insert, update, delete, upsert, foreign and unique keys, TRUNCATE, COPY, views, functions, sequences. Each must give the
 * same rows, counts and errors as in a world in which the second tenant has nothing; and the second one's rows must be
 * what they were, as a superuser sees them. All of it happens in one transaction that is rolled back.
 *
 * ```ts
 * await expectTenantIsolation(database, { schemas: ['public'], tenantColumn: 'tenant_id', role: 'my_app' })
 * ```
 *
 * A table that cannot be filled is a failure too: give it a factory, or exempt it with a reason.
 *
 * @throws {TenantIsolationError} when something reaches across, with all that does.
 * @throws {NotEmptyDatabaseError} when there are rows already and `acceptExistingRows` is not set.
 * @throws {InvalidArgumentError} when an option is not what it should be.
 * @throws {InsufficientPrivilegeError} when the login is no superuser.
 */
export async function expectTenantIsolation(
  database: TestTarget,
  options: TestingOptions = {},
): Promise<IsolationReport> {
  const resolved = resolveTestingOptions(options)
  const report = await withSession(database, async (session, db) => {
    const model = await readModel(db, resolved)
    return await session.undone(async () => await proveIsolation(session, model))
  })
  if (report.violations.length === 0 && report.unfilled.length === 0) return report
  throw new TenantIsolationError(formatIsolationReport(report), report)
}

async function proveIsolation(session: TestSession, model: TestModel): Promise<IsolationReport> {
  const filled = await fillForProof(session, model)
  const plan = planProbes({ model, filled, isEmbedded: session.kind === 'embedded' })
  const violations = await new ProbeRunner(session, model, filled).run(plan.probes)
  const exempt = exemptSubjects({ model })
  const proven = (ids: readonly string[]): number => ids.filter((id) => !exempt.has(id)).length
  return {
    tables: proven(provenTablesOf(model).map(({ relation }) => relation.id)) - filled.unfilled.length,
    partitions: proven(model.partitions.map(({ relation }) => relation.id)),
    views: proven(model.views.map(({ relation }) => relation.id)),
    functions: proven(model.functions.map(({ id }) => id)),
    sequences: proven(model.sequences.map(({ id }) => id)),
    probes: plan.probes.length,
    violations,
    unfilled: filled.unfilled,
    skipped: plan.skipped,
  }
}
