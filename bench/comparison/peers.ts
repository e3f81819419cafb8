/** Which peers there are, and how they are loaded: one that does not come up is left out, and said so. */
import type { OpenPeer, PeerConnection } from '../peers/peer.ts'
import type { Contender } from './operations.ts'
import { baselineKey, ibexKey } from './result.ts'
import type { LeftOut } from './result.ts'

/** The modules of `bench/peers/` that are compared with the library. */
export const peerKeys: readonly string[] = [
  'pg',
  'postgres-js',
  'kysely',
  'drizzle',
  'knex',
  'prisma',
  'typeorm',
  'mikro-orm',
  'sequelize',
]

/** Those that make objects of rows; the best of them is what the library is compared with. */
export const ormKeys: ReadonlySet<string> = new Set([
  'drizzle',
  'prisma',
  'typeorm',
  'mikro-orm',
  'sequelize',
])

/** A contender that is open, under the name of its module. */
export interface OpenContender {
  readonly key: string
  readonly contender: Contender
}

/** Contenders that are closed together. */
export interface OpenContenders extends AsyncDisposable {
  readonly contenders: readonly OpenContender[]
}

interface PeerModule {
  readonly open: OpenPeer
  /** Generates what the peer needs; called once before it is opened. */
  readonly prepare?: () => Promise<void>
}

/** The connections of those who are held by policies, and of the baseline, who is not. */
export interface Connections {
  readonly peer: PeerConnection
  readonly baseline: PeerConnection
}

/** Generates what peers need, and returns those that failed with the reason. */
export async function preparePeers(keys: readonly string[]): Promise<LeftOut[]> {
  const failed: LeftOut[] = []
  for (const key of keys) {
    try {
      await (await importPeer(key)).prepare?.()
    } catch (error) {
      failed.push({ key, reason: reasonOf(error) })
    }
  }
  return failed
}

/**
 * Opens the baseline, the library and the peers that are named; a peer that fails is told to `leaveOut`.
 *
 * @throws when the baseline or the library cannot be opened: without them there is nothing to compare with.
 */
export async function openContenders(
  keys: readonly string[],
  { peer, baseline }: Connections,
  leaveOut: (left: LeftOut) => void,
): Promise<OpenContenders> {
  await using stack = new AsyncDisposableStack()
  const contenders: OpenContender[] = []
  for (const key of [baselineKey, ibexKey, ...keys]) {
    try {
      const { open } = await importPeer(key)
      const contender = await open(key === baselineKey ? baseline : peer)
      stack.use(contender)
      contenders.push({ key, contender })
    } catch (error) {
      if (key === baselineKey || key === ibexKey) throw error
      leaveOut({ key, reason: reasonOf(error) })
    }
  }
  const kept = stack.move()
  return { contenders, [Symbol.asyncDispose]: async () => await kept.disposeAsync() }
}

/** What is said of a failure: the first line of its message, without what a tool draws around it. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const lines = text.split('\n').map((line) => line.trim())
  return lines.find((line) => line !== '') ?? 'no reason was given'
}

async function importPeer(key: string): Promise<PeerModule> {
  // a module of this folder, whose exports the contract names
  return (await import(new URL(`../peers/${key}.ts`, import.meta.url).href)) as PeerModule
}
