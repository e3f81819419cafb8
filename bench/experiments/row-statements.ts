/** What building the statement of a single insert or update costs the client, compiled each time or once. */
import { createDatabase } from '../../src/create-database.ts'
import { insertStatement, updateStatement } from '../../src/repository/row-statements.ts'
import type { RowTarget } from '../../src/repository/row-statements.ts'
import type { OneTable } from '../../src/repository/keyset-page.ts'
import { tables } from '../../types/tables.ts'
import type { Kysely } from 'kysely'
import { compare } from './harness.ts'
import type { Experiment } from './harness.ts'

const orgId = '6b1e2f5c-0000-4000-8000-000000000001'
const id = '6b1e2f5c-0000-4000-8000-000000000002'
const row = { name: 'Agent', slug: 'agent', tagline: 'Answers', status: 'active', tags: ['a', 'b'] }
const patch = { tagline: 'Asks', status: 'paused' }

export const rowStatements: Experiment = {
  name: 'row-statements',
  async run({ isQuick, signal }) {
    // never connected to: nothing is sent
    await using database = createDatabase({ url: 'postgresql://nobody@127.0.0.1:1/none' })
    const db = database.forTenant(orgId).db as unknown as Kysely<OneTable>
    const target: RowTarget = { db, table: tables['ibex_core.agents'], orgId }
    const name = 'ibex_core.agents' as string as 'row'
    const per = isQuick ? 100 : 2_000
    const times = (run: () => unknown) => async () => {
      for (let count = 0; count < per; count++) run()
      await Promise.resolve()
    }
    const options = { rounds: isQuick ? 3 : 30, warmUp: 5, per, unit: 'µs', signal } as const
    return [
      await compare(
        'the statement of an insert of six columns',
        [
          {
            name: 'compiled each time',
            run: times(() =>
              db
                .insertInto(name)
                .values({ ...row, org_id: orgId })
                .returningAll()
                .compile(),
            ),
          },
          { name: 'compiled once', run: times(() => insertStatement(target, { ...row, org_id: orgId })) },
        ],
        options,
      ),
      await compare(
        'the statement of an update of two columns',
        [
          {
            name: 'compiled each time',
            run: times(() =>
              db
                .updateTable(name)
                .set(patch)
                .where('org_id', '=', orgId)
                .where('id', '=', id)
                .where('deleted_at', 'is', null)
                .returningAll()
                .compile(),
            ),
          },
          {
            name: 'compiled once',
            run: times(() => updateStatement(target, patch, { key: [id], which: 'living' })),
          },
        ],
        options,
      ),
    ]
  },
}
