/** Cuts a stream of bytes into lines, and nothing but the line feed ends one. */
import { InvalidExportError } from '../errors.ts'

/** A line, with the bytes that it was read from, without its line feed. */
export interface Line {
  /** Counts from 1. */
  readonly number: number
  readonly bytes: Uint8Array
  readonly text: string
}

/** What bytes come from: a file's stream, standard input, a response. */
export type ByteSource = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>

/** PostgreSQL takes no message above 1 GB, and V8 no text above 512 MB; a row of ours is some MB at most. */
const mostBytes = 256 * 1024 * 1024

/**
 * Yields the lines of a source; what follows the last line feed is no line.
 *
 * node:readline also ends a line at U+2028, which JSON lets stand in a text.
 *
 * @throws {InvalidExportError} when a line is not UTF-8, has more than 256 MB, or is not ended.
 */
export async function* readLines(source: ByteSource): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let size = 0
  let number = 1
  for await (const chunk of source) {
    let rest: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    for (let end = rest.indexOf(lineFeed); end !== -1; end = rest.indexOf(lineFeed)) {
      yield toLine([...parts, rest.subarray(0, end)], number++)
      parts = []
      size = 0
      rest = rest.subarray(end + 1)
    }
    size += rest.length
    if (size > mostBytes) throw new InvalidExportError(number, 'is longer than any row can be')
    if (rest.length > 0) parts.push(rest)
  }
  if (parts.length > 0) throw new InvalidExportError(number, 'is cut off')
}

const lineFeed = 0x0a

function toLine(parts: readonly Uint8Array[], number: number): Line {
  const [first] = parts
  const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts)
  try {
    return { number, bytes, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    throw new InvalidExportError(number, 'is not UTF-8')
  }
}
