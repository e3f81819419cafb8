/** What changed from one text to another, line by line. */
import { FILE_HEADERS_ONLY, createTwoFilesPatch, formatPatch } from 'diff'

/** A text, and how the diff calls it. */
export interface NamedText {
  readonly name: string
  readonly text: string
}

/**
 * Lines that may have changed before they are looked for one by one: the time grows with the square of their number, and
 * 16,000 short lines without one in common took more than a minute, in which the process does nothing else.
 */
const maxEditLength = 1_000

/**
 * Writes the changes as a unified diff with three lines around each; empty when the texts are the same.
 *
 * When more than a thousand lines have changed, all lines are taken out and all put in.
 */
export function unifiedDiff(before: NamedText, after: NamedText): string {
  if (before.text === after.text) return ''
  const patch = createTwoFilesPatch(before.name, after.name, before.text, after.text, undefined, undefined, {
    headerOptions: FILE_HEADERS_ONLY,
    context: 3,
    maxEditLength,
  })
  return patch ?? replacement(before, after)
}

function replacement(before: NamedText, after: NamedText): string {
  const removed = markedLines('-', before.text)
  const added = markedLines('+', after.text)
  return formatPatch(
    {
      oldFileName: before.name,
      newFileName: after.name,
      oldHeader: undefined,
      newHeader: undefined,
      hunks: [
        {
          oldStart: 1,
          oldLines: removed.count,
          newStart: 1,
          newLines: added.count,
          lines: [...removed.lines, ...added.lines],
        },
      ],
    },
    FILE_HEADERS_ONLY,
  )
}

function markedLines(
  mark: '-' | '+',
  text: string,
): { readonly count: number; readonly lines: readonly string[] } {
  const isEnded = text.endsWith('\n')
  const lines = (isEnded ? text.slice(0, -1) : text).split('\n').map((line) => mark + line)
  return { count: lines.length, lines: isEnded ? lines : [...lines, '\\ No newline at end of file'] }
}
