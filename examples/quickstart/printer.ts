/** Where the sections of the quickstart are printed. */
import { styleText } from 'node:util'
import type { Output } from './progress.ts'

/** Prints sections of lines, with a blank line between them. */
export interface Printer {
  readonly output: Output
  section(title: string, lines?: readonly string[]): void
  lines(lines: readonly string[]): void
}

/** Makes a printer; titles are bold where the output is a terminal that wants colours (`NO_COLOR` is respected). */
export function createPrinter(output: Output): Printer {
  const bold = (text: string): string => (output.isTTY === true ? styleText('bold', text) : text)
  const lines = (texts: readonly string[]): void => {
    for (const text of texts) output.write(`${text}\n`)
  }
  return {
    output,
    lines,
    section(title, texts = []) {
      lines(['', bold(title), ...texts])
    },
  }
}
