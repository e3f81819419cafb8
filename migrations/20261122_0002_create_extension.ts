import type { Kysely } from 'kysely'
import { createExtension } from '../src/migration/extension.ts'

/** Creates the extension `vector`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createExtension(db, 'vector')
}

/** Leaves the extension: other objects of the database may use it. */
export async function down(): Promise<void> {}
