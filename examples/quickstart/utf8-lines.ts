/** UTF-8 in whole lines, with the line of whatever is not. */
import { isUtf8 } from 'node:buffer'
import { PersonaCsvError } from './persona-csv-error.ts'

const newline = 0x0a
const maxLineBytes = 1_000_000

/**
 * Decodes chunks of UTF-8 into text that ends at a line's end, without byte order mark and with `\n` for every line break.
 *
 * `TextDecoder` would say that the input is no UTF-8, but not where: here the error names the line.
 *
 * @throws {PersonaCsvError} `not_utf8`, `null_byte` or `line_too_long`.
 */
export async function* utf8Lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let firstLine = 1
  let rest = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk])
    const end = bytes.lastIndexOf(newline) + 1
    rest = bytes.subarray(end)
    const block = bytes.subarray(0, end)
    if (end > 0) yield decode(block, firstLine)
    firstLine += countLines(block)
    if (rest.length > maxLineBytes) {
      throw new PersonaCsvError('line_too_long', 'longer than 1 MB: this is not a persona CSV', firstLine)
    }
  }
  if (rest.length > 0) yield decode(rest, firstLine)
}

function decode(block: Buffer, firstLine: number): string {
  if (block.includes(0)) {
    const line = firstLine + countLines(block.subarray(0, block.indexOf(0)))
    throw new PersonaCsvError(
      'null_byte',
      'holds a null byte: save the file as CSV in UTF-8, not as UTF-16',
      line,
    )
  }
  if (!isUtf8(block)) {
    const line = firstLine + linesOf(block).findIndex((bytes) => !isUtf8(bytes))
    throw new PersonaCsvError('not_utf8', 'not valid UTF-8: save the file as CSV in UTF-8', line)
  }
  const text = block.toString('utf8').replaceAll(/\r\n?/g, '\n')
  return firstLine === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text
}

function countLines(block: Buffer): number {
  return block.reduce((count, byte) => (byte === newline ? count + 1 : count), 0)
}

function linesOf(block: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  // A newline byte is never part of a longer UTF-8 sequence, so lines can be cut before they are decoded.
  for (let end = block.indexOf(newline); end !== -1; end = block.indexOf(newline, start)) {
    lines.push(block.subarray(start, end))
    start = end + 1
  }
  return [...lines, block.subarray(start)]
}
