/** Finds the command, and turns what it throws into a line and an exit status. */
import { IbexError } from '../errors.ts'
import { doctor } from './doctor.ts'
import { migrate } from './migrate.ts'
import type { Command, Terminal } from './terminal.ts'

const commands: Readonly<Record<string, Command>> = { doctor, migrate }

const usage = `usage: ibex-db <command> [options]

  doctor   examines how the schema of a database keeps tenants apart
  migrate  runs migrations, those of ibex-db or of a folder, and says what has run

ibex-db <command> --help says more.`

/** Runs the program with these arguments and returns its exit status. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    const isAsked = name === '--help' || name === '-h' || name === undefined
    if (isAsked) terminal.out.write(`${usage}\n`)
    else terminal.err.write(`there is no such command\n\n${usage}\n`)
    return name === '--help' || name === '-h' ? 0 : 3
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.out.write(`${command.usage}\n`)
    return 0
  }
  try {
    return await command.run(rest, terminal)
  } catch (error) {
    terminal.err.write(`${explain(error, command)}\n`)
    return command.failure
  }
}

function explain(error: unknown, { usage }: Command): string {
  if (!(error instanceof Error)) return String(error)
  // what parseArgs refuses is said with the way to say it right
  if ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
    return `${error.message}\n\n${usage}`
  // an error of the library explains itself; of any other the place is wanted
  return error instanceof IbexError ? error.message : (error.stack ?? error.message)
}
