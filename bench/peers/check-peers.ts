/** `node bench/peers/check-peers.ts`: the command line that checks whether peers do what their contract says. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openCheckDatabase } from './check-data.ts'
import type { CheckDatabase } from './check-data.ts'
import { checkDisposed, checks, poolSize } from './checks.ts'
import type { OpenPeer, Peer } from './peer.ts'

const known = [
  'pg',
  'kysely',
  'drizzle',
  'postgres-js',
  'knex',
  'prisma',
  'typeorm',
  'mikro-orm',
  'sequelize',
]

const limitMs = 120_000

const usage = `node bench/peers/check-peers.ts [--url postgresql://superuser@…] [--peers ${known.join(',')}]

Without --url, TEST_DATABASE_URL is used, else a container is started.`

const options = readOptions()
if (options !== undefined) {
  await using database = await openCheckDatabase(options.url)
  for (const peer of options.peers) {
    for (const reason of await checkPeer(peer, database)) {
      console.error(reason)
      process.exitCode = 1
    }
  }
}

interface Options {
  readonly url: string | undefined
  readonly peers: readonly string[]
}

/** The options, or `undefined` when there is nothing to do but read how to call it. */
function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' }, peers: { type: 'string' } } })
    const url = values.url ?? (process.env['TEST_DATABASE_URL'] || undefined)
    return { url, peers: values.peers?.split(',') ?? known }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : 'bad arguments'}\n\n${usage}`)
    process.exitCode = 2
    return undefined
  }
}

interface PeerModule {
  readonly open: OpenPeer
  /** Makes what the peer needs and is not kept in the repository. */
  readonly prepare?: () => Promise<void>
}

/** Runs all checks of one peer, whose module is named like the file; returns what is wrong with it. */
async function checkPeer(file: string, database: CheckDatabase): Promise<string[]> {
  const reasons: string[] = []
  const check = async (name: string, run: () => Promise<void>): Promise<void> => {
    try {
      await inTime(run())
    } catch (error) {
      reasons.push(`${file}: ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const peer = await openPeer(file, database)
  if (typeof peer === 'string') return [peer]
  for (const { name, run } of checks) {
    await check(name, async () => await run(peer, database))
  }
  await check('closes', async () => await peer[Symbol.asyncDispose]())
  await check('closes its connections', async () => await checkDisposed(database))
  const outcome = reasons.length === 0 ? 'all is well' : `${reasons.length} checks fail`
  console.log(`${peer.name} ${peer.version}: ${outcome}`)
  return reasons
}

/** Opens a peer; returns the reason when it does not start, so that the others are checked all the same. */
async function openPeer(file: string, { loginUrl }: CheckDatabase): Promise<Peer | string> {
  try {
    // each peer's module exports it under this name
    const { open, prepare } = (await import(`./${file}.ts`)) as PeerModule
    await prepare?.()
    return await open({ url: loginUrl, poolSize })
  } catch (error) {
    return `${file}: does not start: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Fails when a check takes longer than on a busy machine: who has no connection left waits for ever. */
async function inTime(run: Promise<void>): Promise<void> {
  const done = new AbortController()
  try {
    const late = sleep(limitMs, true, { signal: done.signal })
    if (await Promise.race([run.then(() => false), late])) throw new Error('does not come to an end')
  } finally {
    done.abort()
  }
}
