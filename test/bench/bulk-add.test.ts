import { expect, test } from 'vitest'
import { benchBulkAdd } from '../../bench/memory/bulk-add.ts'
import { serverUrl } from '../support/server-url.ts'
import { setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

test('measures each way to add memories', skipOnEmbedded('it needs a server'), async () => {
  const database = await setup()
  try {
    const options = { rounds: 2, rows: 6, batch: 4, before: 3, signal: new AbortController().signal }
    const figures = await benchBulkAdd(serverUrl(database), options)
    expect(figures.map(({ name }) => name)).toEqual(['hand-written', 'ignore', 'merge'])
    expect(figures[0]?.ratio.median).toBe(1)
    for (const { perSecond } of figures) expect(perSecond.median).toBeGreaterThan(0)
  } finally {
    await database.close()
  }
})
