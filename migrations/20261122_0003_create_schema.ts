import type { Kysely } from 'kysely'
import { createSchema, dropSchema, grantTemporary, revokeTemporary } from '../src/migration/schema.ts'

/** Creates the schema `ibex_core` and closes the database to temporary objects. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createSchema(db, 'ibex_core')
  await revokeTemporary(db)
}

/** Drops the schema, unless the table of executed migrations is in it. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await grantTemporary(db)
  await dropSchema(db, 'ibex_core')
}
