/** A process that is killed while it writes to a server, with four transactions open. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { serverUrl } from '../support/server-url.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { runToEnd, writer } from './writer-process.ts'
import { readWritten } from './written-units.ts'

describe(
  'a process that is killed while it writes',
  skipOnEmbedded('embedded-faults.test.ts does it'),
  () => {
    let server: TestDatabase

    beforeAll(async () => {
      server = await setup()
    })

    afterAll(async () => {
      await server.close()
    })

    test('leaves what was acknowledged, nothing by halves, and no session', async () => {
      const { acknowledged, signal } = await runToEnd(
        [process.execPath, writer, 'write', serverUrl(server)],
        (count, child) => {
          // in the middle of what comes next
          if (count === 100) child.kill('SIGKILL')
        },
      )
      expect(signal).toBe('SIGKILL')
      await expect.poll(sessions, { interval: 20 }).toEqual([])
      await using database = createDatabase(server.target)
      const { units, halves } = await readWritten(database)
      expect(halves).toEqual([])
      expect(units).toEqual(expect.arrayContaining([...acknowledged]))
      // what nobody has heard of any more is one transaction of each of the four at most
      expect(units.length - acknowledged.length).toBeLessThanOrEqual(4)
    })

    /** What the killed process has left on the server. */
    async function sessions(): Promise<readonly unknown[]> {
      const { rows } = await sql`select state, query from pg_stat_activity
      where datname = current_database() and application_name = 'ibex-db'`.execute(server.admin)
      return rows
    }
  },
)
