/** A place for the quickstart to print to that a test can read. */
import { Writable } from 'node:stream'
import type { Output } from '../../examples/quickstart/progress.ts'

/** An output that keeps what is written to it. */
export interface CollectedOutput {
  readonly output: Output
  readonly text: () => string
}

/** Makes an output for a test: no terminal unless it is asked for. */
export function collectOutput(options: { readonly isTTY?: boolean } = {}): CollectedOutput {
  const chunks: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk.toString('utf8'))
      done()
    },
  })
  return { output: Object.assign(stream, { isTTY: options.isTTY ?? false }), text: () => chunks.join('') }
}
