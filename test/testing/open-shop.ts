/** A database with the schema of the shop, made anew as often as a test asks. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DatabaseTarget } from '../../src/database/options.ts'
import type { TestingOptions } from '../../src/testing/options.ts'
import { emptyDatabase } from '../support/setup.ts'
import { shopSchema } from './shop-schema.ts'

/** What a test of the kit needs. */
export interface OpenShop {
  readonly target: DatabaseTarget
  readonly admin: Kysely<unknown>
  readonly options: TestingOptions
  readonly role: string
  /** The schema anew, with what a test changes in it; `app` stands for the role. */
  plant(script?: string): Promise<void>
  close(): Promise<void>
}

/** Opens an empty database and creates the role. */
export async function openShop(): Promise<OpenShop> {
  const shop = shopSchema()
  const database = await emptyDatabase()
  // the tables of these tests are in no generated type
  const admin = database.admin as unknown as Kysely<unknown>
  const run = async (script: string): Promise<void> => {
    await sql.raw(script).execute(admin)
  }
  await run(`create role ${shop.role}`)
  return {
    ...shop,
    target: database.target,
    admin,
    plant: async (script = '') => {
      await run(`alter role ${shop.role} nobypassrls; ${shop.script}`)
      await run(script.replaceAll(/\bapp\b/gu, shop.role))
    },
    close: async () => {
      await run(`drop schema if exists shop cascade; drop owned by ${shop.role}; drop role ${shop.role}`)
      await database.close()
    },
  }
}
