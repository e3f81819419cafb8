/** How far a long job has come: a bar in a terminal, lines elsewhere. */
import { SingleBar } from 'cli-progress'
import { formatCount } from './format.ts'

/** Where the quickstart prints: a terminal gets colours and a moving bar, anything else gets plain lines. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean }

/** How far a long job has come. */
export interface Progress {
  advance(count: number): void
  finish(): void
}

/** Shows a moving bar in a terminal, and a line for every quarter elsewhere (a log, a pipe, CI). */
export function startProgress(output: Output, total: number): Progress {
  return output.isTTY === true ? startBar(output, total) : startLines(output, total)
}

function startBar(stream: Output, total: number): Progress {
  const bar = new SingleBar({
    stream,
    format: '  {bar}  {value}/{total}',
    formatValue: (value, _, type) =>
      type === 'value' || type === 'total' ? formatCount(value) : String(value),
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 48,
  })
  bar.start(total, 0)
  return { advance: (count) => bar.increment(count), finish: () => bar.stop() }
}

function startLines(output: Output, total: number): Progress {
  let value = 0
  let quarter = 0
  return {
    advance(count) {
      value += count
      const reached = Math.floor((value * 4) / total)
      if (reached > quarter)
        output.write(`  ${reached * 25} %  ${formatCount(value)}/${formatCount(total)}\n`)
      quarter = reached
    },
    finish() {},
  }
}
