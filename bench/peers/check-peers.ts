/** `node bench/peers/check-peers.ts`: the command line that checks whether peers do what their contract says. */
import { parseArgs } from 'node:util'
import { openCheckDatabase } from './check-data.ts'
import type { CheckDatabase } from './check-data.ts'
import { checkDisposed, checks, poolSize } from './checks.ts'
import type { OpenPeer } from './peer.ts'

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
      await run()
    } catch (error) {
      reasons.push(`${file}: ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await check('opens and closes', async () => {
    const { open, prepare } = (await import(`./${file}.ts`)) as PeerModule
    await prepare?.()
    await using peer = await open({ url: database.loginUrl, poolSize })
    for (const { name, run } of checks) {
      await check(name, async () => await run(peer, database))
    }
    const outcome = reasons.length === 0 ? 'all is well' : `${reasons.length} of ${checks.length} checks fail`
    console.log(`${peer.name} ${peer.version}: ${outcome}`)
  })
  await check('closes its connections', async () => await checkDisposed(database))
  return reasons
}
