import { expect, test } from 'vitest'
import { benchBulkAdd } from '../../bench/memory/bulk-add.ts'
import { serverUrl } from '../support/server-url.ts'
import { setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

const options = { ...skipOnEmbedded('it needs a server'), timeout: 120_000 }

test('measures each way to add memories', options, async () => {
  const database = await setup()
  try {
    const plan = { rounds: 2, rows: 6, batch: 4, before: 3, signal: new AbortController().signal }
    const figures = await benchBulkAdd(serverUrl(database), plan)
    expect(figures.map(({ name }) => name)).toEqual(['hand-written', 'ignore', 'merge'])
    expect(figures[0]?.ratio.median).toBe(1)
    for (const { perSecond } of figures) expect(perSecond.median).toBeGreaterThan(0)
  } finally {
    await database.close()
  }
})
