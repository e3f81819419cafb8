/** The command line of the benchmark. */
import { parseArgs } from 'node:util'

/** Holds what was asked for on the command line. */
export interface BenchOptions {
  /** A superuser's URL of the server to measure; without it a container is started. */
  readonly url: string | undefined
  /** The file that the figures are written to as JSON. */
  readonly json: string | undefined
  readonly rounds: number
  readonly sliceMs: number
  /** Measures searching and adding memories instead. */
  readonly memory: boolean
  readonly isQuick: boolean
}

/** Explains the command line. */
export const usage = `npm run bench -- [options]

  --url <url>    measure this server, as a superuser (default: TEST_DATABASE_URL, else a container is started)
  --json <file>  write the figures to a file as well
  --memory       measure searching and adding memories: loads 81,190 of them, which takes some minutes
  --quick        a short run that shows whether everything works; its figures mean little
  --help         print this text

A database of its own is created on the server and dropped at the end. The run fails when an answer is wrong,
never because of a time.`

/**
 * Reads the command line; `undefined` means that help was asked for.
 *
 * @throws {TypeError} when an option is unknown or lacks its value.
 */
export function parseOptions(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      json: { type: 'string' },
      memory: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const extent = values.quick ? { rounds: 3, sliceMs: 100 } : { rounds: 60, sliceMs: 100 }
  const url = values.url ?? (environment['TEST_DATABASE_URL'] || undefined)
  return { url, json: values.json, memory: values.memory, isQuick: values.quick, ...extent }
}
