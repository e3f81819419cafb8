/** What every refusal of commerce must be: an error, and nothing half-written. */
import { expect } from 'vitest'
import { type TwoTenants, failure, ownersView } from '../support/two-tenants.ts'

/** The tables of commerce. */
export const commerceTables = [
  'ibex_core.products',
  'ibex_core.orders',
  'ibex_core.order_items',
  'ibex_core.point_accounts',
  'ibex_core.points_ledger',
] as const

/** Runs what must be refused, sees that my tenant's rows are what they were, and returns the error. */
export async function refused(
  { admin, mine }: Pick<TwoTenants, 'admin' | 'mine'>,
  run: () => Promise<unknown>,
): Promise<Error> {
  const view = async (): Promise<unknown> => {
    const rows: Record<string, unknown[]> = {}
    for (const table of commerceTables) rows[table] = await ownersView(admin, table, mine.orgId)
    return rows
  }
  const before = await view()
  const error = await failure(run)
  expect(await view()).toEqual(before)
  return error
}
