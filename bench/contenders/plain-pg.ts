/** The contenders that use nothing but `pg`. */
import pg from 'pg'
import type { ReadTarget } from '../seed.ts'
import type { Connection, Contender, ContenderFamily } from './contender.ts'

/**
 * Opens the contenders that use nothing but `pg`: without tenancy (the baseline), the same prepared, and tenancy by hand.
 *
 * The baseline is what an ordinary user writes: an unnamed, parameterised `pool.query`, by a login that row-level
 * security does not hold.
 */
export function openPlainPg({ url, poolSize }: Connection, readSql: string): ContenderFamily {
  const pool = new pg.Pool({ connectionString: url, max: poolSize, application_name: 'ibex-bench' })
  // pool.end() does not wait until the server has closed its side: dropping the database may still cut a connection,
  // and without a listener that would end the process.
  pool.on('error', () => undefined)
  const bare: Contender = {
    name: 'bare',
    label: 'pool.query without tenancy',
    read: async ({ orgId, id }) => (await pool.query<Row>(readSql, [orgId, id])).rows[0],
  }
  const barePrepared: Contender = {
    name: 'bare-prepared',
    label: 'pool.query without tenancy, named',
    read: async ({ orgId, id }) => {
      const result = await pool.query<Row>({ name: 'read', text: readSql, values: [orgId, id] })
      return result.rows[0]
    },
  }
  const byHand: Contender = {
    name: 'by-hand',
    label: 'begin, set_config, query, commit',
    read: async (target) => await readInTransaction(pool, readSql, target),
  }
  return { contenders: [bare, barePrepared, byHand], [Symbol.asyncDispose]: async () => await pool.end() }
}

type Row = Readonly<Record<string, unknown>>

async function readInTransaction(
  pool: pg.Pool,
  readSql: string,
  { orgId, id }: ReadTarget,
): Promise<unknown> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(
      "select set_config('role', 'ibex_app', true), set_config('app.current_org_id', $1, true)",
      [orgId],
    )
    const result = await client.query<Row>(readSql, [orgId, id])
    await client.query('commit')
    return result.rows[0]
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
