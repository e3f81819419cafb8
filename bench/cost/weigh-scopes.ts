/** A program of its own, run with `--expose-gc`: weighs what is kept of many scopes, and prints bytes of heap for each. */
import { randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import { createDatabase } from '../../src/create-database.ts'

const [what = 'scope', count = '1000', repeats = '3', url = 'postgresql://nobody@127.0.0.1:1/nothing'] =
  process.argv.slice(2)
const ids = Array.from({ length: Number(count) }, () => randomUUID())
const kept: unknown[] = Array.from({ length: ids.length }, () => undefined)

await using database = createDatabase({ url, poolSize: 1 })
const makers: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
  scope: async (id) => database.forTenant(id),
  // what a service keeps that makes a Kysely for each tenant
  kysely: async () =>
    new Kysely({
      dialect: new PostgresDialect({ pool: async () => await Promise.reject(new Error('unused')) }),
    }),
  used: async (id) => {
    const tenant = database.forTenant(id)
    await tenant.agents.findById(id)
    return tenant
  },
}
const make = makers[what]
if (make === undefined) throw new Error(`there is no ${what} to weigh`)

const bytes: number[] = []
// the first time, code and caches that all share are made, too
for (let repeat = -1; repeat < Number(repeats); repeat++) {
  const before = heap()
  for (const [index, id] of ids.entries()) kept[index] = await make(id)
  const each = (heap() - before) / ids.length
  if (repeat >= 0) bytes.push(each)
  kept.fill(undefined)
}
process.stdout.write(JSON.stringify(bytes))

function heap(): number {
  // once more for what the first round has found to be unreachable
  for (let round = 0; round < 2; round++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
