/** The command line of the benchmark. */
import { parseArgs } from 'node:util'
import { peerKeys } from './comparison/peers.ts'

/** Holds what was asked for on the command line. */
export interface BenchOptions {
  /** A superuser's URL of the server to measure; without it a container is started. */
  readonly url: string | undefined
  /** The peers to compare with. */
  readonly peers: readonly string[]
  /** The file that the figures are written to as JSON. */
  readonly json: string | undefined
  /** The file that the tables are written to as Markdown. */
  readonly markdown: string | undefined
  /** Measures searching and adding memories instead. */
  readonly memory: boolean
  readonly isQuick: boolean
}

/** Explains the command line. */
export const usage = `npm run bench -- [options]

  --url <url>        measure this server, as a superuser (default: TEST_DATABASE_URL, else a container is started)
  --peers <a,b>      compare with these only: ${peerKeys.join(', ')}
  --json <file>      write the figures to a file as well; npm run bench:docs -- <file> puts them into the documentation
  --markdown <file>  write the tables to a file as well
  --memory           measure searching and adding memories: loads 81,190 of them, which takes some minutes
  --quick            a short run that shows whether everything works; its figures mean little
  --help             print this text

A database and a login of its own are created on the server and dropped at the end. The run fails when an answer is
wrong, never because of a time.`

/**
 * Reads the command line; `undefined` means that help was asked for.
 *
 * @throws {TypeError} when an option is unknown or lacks its value, or a peer does not exist.
 */
export function parseOptions(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      peers: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      memory: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const url = values.url ?? (environment['TEST_DATABASE_URL'] || undefined)
  if (values.memory && (values.peers ?? values.markdown) !== undefined) {
    throw new TypeError(
      '--memory compares with no peer and writes no Markdown: leave --peers and --markdown out',
    )
  }
  const { json, markdown, memory } = values
  return { url, peers: readPeers(values.peers), json, markdown, memory, isQuick: values.quick }
}

function readPeers(given: string | undefined): readonly string[] {
  if (given === undefined) return peerKeys
  const peers = [...new Set(given.split(',').map((key) => key.trim()))]
  const unknown = peers.filter((key) => !peerKeys.includes(key))
  if (unknown.length === 0) return peers
  throw new TypeError(
    `--peers knows ${peerKeys.join(', ')}, and not ${unknown.join(', ') || 'an empty name'}`,
  )
}
