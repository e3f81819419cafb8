/** A database in which everything that a test does can be taken back: one transaction that is never committed. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Catalog } from '../../src/doctor/catalog.ts'
import { judgeCatalog } from '../../src/doctor/diagnose.ts'
import type { Report } from '../../src/doctor/diagnose.ts'
import { resolveDoctorOptions } from '../../src/doctor/options.ts'
import type { DoctorOptions } from '../../src/doctor/options.ts'
import { readCatalog } from '../../src/doctor/read-catalog.ts'
import { emptyDatabase } from '../support/setup.ts'

/** What a test of rules needs. */
export interface Clinic {
  readonly trx: Kysely<unknown>
  /** The role that owns what a test creates. */
  readonly owner: string
  /** Runs a script of any number of statements. */
  run(script: string): Promise<void>
  /** Takes back what the callback does. */
  undone(callback: () => Promise<void>): Promise<void>
  /** Examines the database as the transaction sees it, on a server that is up to date. */
  examine(options: DoctorOptions, edit?: (catalog: Catalog) => Catalog): Promise<Report>
  close(): Promise<void>
}

/** Opens an empty database. Roles belong to the whole cluster; those of the transaction are gone with it. */
export async function openClinic(): Promise<Clinic> {
  const database = await emptyDatabase()
  const controlled = await database.admin.startTransaction().execute()
  // the tables of these tests are in no generated type
  const trx = controlled as unknown as Kysely<unknown>
  const run = async (script: string): Promise<void> => {
    // node-postgres runs a script of several statements when there are no parameters
    if (script !== '') await sql.raw(script).execute(trx)
  }
  const { rows } = await sql<{ owner: string }>`select current_user::text as owner`.execute(trx)
  return {
    trx,
    owner: rows[0]?.owner ?? '',
    run,
    undone: async (callback) => {
      await run('savepoint clinic')
      try {
        await callback()
      } finally {
        await run('rollback to savepoint clinic')
      }
    },
    examine: async (options, edit = (catalog) => catalog) => {
      const resolved = resolveDoctorOptions(options)
      const catalog = await readCatalog(trx, resolved)
      const server = { version: 180_006, vector: null }
      return judgeCatalog(edit({ ...catalog, server }), resolved)
    },
    close: async () => {
      await controlled.rollback().execute()
      await database.close()
    },
  }
}
