/** Where a command writes, and what it reads from its surroundings. */

/** The two streams and the environment; a test passes its own. */
export interface Terminal {
  readonly out: Output
  readonly err: Output
  readonly environment: NodeJS.ProcessEnv
}

/** The part of a stream that is used. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

/** True for a terminal whose user wants colours: `NO_COLOR` with any text in it says no (no-color.org). */
export function wantsColours({ out, environment }: Terminal): boolean {
  return out.isTTY === true && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
}

/** A command of the program: returns the exit status, throws what its message explains. */
export interface Command {
  readonly usage: string
  /** The exit status when it throws, or its arguments are wrong. */
  readonly failure: number
  run(args: readonly string[], terminal: Terminal): Promise<number>
}
