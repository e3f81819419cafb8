/**
 * Another process: writes a memory without a cache, or reads an agent's hot memories with one in Redis.
 *
 * `node worker.ts '{"url": …, "orgId": …, "agentId": …, "content": …}'` or `'{…, "redis": …}'`, which prints the contents.
 */
import { createClient } from 'redis'
import { createDatabase } from '../../src/create-database.ts'
import { RedisHotCacheStore } from '../../src/hot-cache/redis-hot-cache-store.ts'

interface Task {
  readonly url: string
  readonly orgId: string
  readonly agentId: string
  readonly content?: string
  readonly redis?: string
}

// the test that starts it passes a task
const task = JSON.parse(process.argv[2] ?? '') as Task
if (task.redis === undefined) await write(task)
else await read(task, task.redis)

async function write({ url, orgId, agentId, content = '' }: Task): Promise<void> {
  await using database = createDatabase({ url })
  const embedding = Array.from({ length: 384 }, (_, index) => Math.sin(index))
  const memory = { agentId, content, embedding, category: 'factual', confidence: 1 } as const
  await database.forTenant(orgId).memories.add(memory)
}

/** Reads until the list comes from the cache, so that it is there for others. */
async function read({ url, orgId, agentId }: Task, path: string): Promise<void> {
  const redis = await createClient({ socket: { path, tls: false } })
    .on('error', () => {})
    .connect()
  let rankings = 0
  const onQuery = ({ sql }: { readonly sql: string }): void => {
    if (sql.includes('pg_snapshot_xmax')) rankings++
  }
  const database = createDatabase({ url, onQuery, hotCache: { store: new RedisHotCacheStore(redis) } })
  let contents: readonly string[] = []
  for (let before = -1; before < rankings;) {
    before = rankings
    contents = (await database.forTenant(orgId).memories.hot({ agentId })).map(({ content }) => content)
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
  process.stdout.write(JSON.stringify(contents))
  await database.close()
  redis.destroy()
}
