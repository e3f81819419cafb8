/** Erases whole organizations, as the system. */
import { sql } from 'kysely'
import { InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { checkObject, checkOptionNames, checkUuid } from '../tenancy/arguments.ts'
import { SystemScope } from '../tenancy/system-scope.ts'
import { checkReason, explainIsolation } from './erase-subject.ts'
import { toResult } from './erasure-receipt.ts'
import type { ErasureOptions, ErasureResult, StoredReceipt } from './erasure-receipt.ts'
import { hashSubject } from './erasure-repository.ts'

/**
 * Erases an organization with every row of every table, those of your own included, and returns the receipt, which outlives
 * it.
 *
 * ```ts
 * const receipt = await database.asSystem('contract of Alder Clinic ended', async (system) =>
 *   await eraseOrganization(system, orgId, { reason: 'contract ended' }))
 * ```
 *
 * Tenant tables are those with an `org_id`. Receipts and tombstones of the organization go with it.
 *
 * @throws {RowNotFoundError} when there is no such organization.
 * @throws {LegalHoldError} when a legal hold stands in it.
 * @throws {InvalidArgumentError} when the id is no uuid, the reason is blank, `system` is no system scope, or the transaction
 *   is not read committed.
 */
export async function eraseOrganization<DB>(
  system: SystemScope<DB>,
  orgId: string,
  options: Pick<ErasureOptions, 'reason'>,
): Promise<ErasureResult> {
  const scope = checkSystem(system)
  checkUuid('orgId', orgId)
  checkOptionNames('option', checkObject('options', options), new Set(['reason']))
  const reason = checkReason(options.reason)
  const query = sql<StoredReceipt>`select * from ibex_core.erase_organization(${orgId}, ${reason})`
  const { rows } = await query.execute(scope.db).catch((error: unknown) => {
    throw explainIsolation(error)
  })
  const [receipt] = rows
  if (receipt === undefined) throw new RowNotFoundError('ibex_core.organizations')
  return toResult(receipt)
}

/**
 * Reads the receipts of an organization that was erased, the newest first; an id that was given twice has two.
 *
 * @throws {InvalidArgumentError} when the id is no uuid, or `system` is no system scope.
 */
export async function findOrganizationErasures<DB>(
  system: SystemScope<DB>,
  orgId: string,
): Promise<ErasureResult[]> {
  const query = sql<StoredReceipt>`select * from ibex_core.organization_erasures
    where subject_hash = ${hashSubject(checkUuid('orgId', orgId))} order by created_at desc`
  const { rows } = await query.execute(checkSystem(system).db)
  return rows.map(toResult)
}

/**
 * Checks that the scope of the system was handed in, and returns it.
 *
 * @throws {InvalidArgumentError} when it is anything else: a tenant's scope would find nothing.
 */
export function checkSystem<DB>(system: SystemScope<DB>): SystemScope<DB> {
  if (system instanceof SystemScope) return system
  throw new InvalidArgumentError('system', 'must be the argument of the callback of asSystem')
}
