/** The command line of the scripts: options, `--help`, and one way to fail. */
import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import { IbexError } from '../src/errors.ts'

type Values<O extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: O }>>['values']

/** An error that its message explains: it is printed without a stack. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError'
}

/**
 * Runs a script with its options: a word that it does not know ends it with 2 and the usage, an error with 1 and, when it is
 * a `ScriptError` or the library has raised it, without a stack.
 */
export async function runScript<O extends ParseArgsOptionsConfig>(
  usage: string,
  options: O,
  main: (values: Values<O>) => Promise<void> | void,
): Promise<void> {
  if (process.argv.includes('--help')) return console.log(usage)
  let values: Values<O>
  try {
    values = parseArgs({ options }).values
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : 'bad arguments'}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  try {
    await main(values)
  } catch (error) {
    const isExplained = error instanceof IbexError || error instanceof ScriptError
    console.error(isExplained ? error.message : error)
    process.exitCode = 1
  }
}
