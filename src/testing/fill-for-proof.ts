/** Fills a database that is there to be tested. */
import { NotEmptyDatabaseError } from '../errors.ts'
import { fillTables } from './fill-tables.ts'
import { tableOf, tenantTablesOf } from './model.ts'
import type { TestModel } from './model.ts'
import type { TestSession } from './session.ts'
import type { FilledDatabase } from './stored-row.ts'

/** Fills the database and returns the rows, those of exempt tables left out of what is missing. */
export async function fillForProof(session: TestSession, model: TestModel): Promise<FilledDatabase> {
  if (!model.options.acceptExistingRows) await requireEmpty(session, model)
  const filled = await fillTables(session, model)
  const unfilled = filled.unfilled.filter(({ table }) => !(table in model.options.exempt))
  return { ...filled, unfilled }
}

async function requireEmpty(session: TestSession, model: TestModel): Promise<void> {
  const tables = tenantTablesOf(model)
  const parts = tables.map(({ relation }) => `(select ${relation.id} as id from ${relation.sql} limit 1)`)
  const [row] = await session.run<{ id: number }>(parts.join(' union all '))
  if (row === undefined) return
  throw new NotEmptyDatabaseError(tableOf(model, String(row.id))?.name ?? '')
}
