import { applyPatch } from 'diff'
import { describe, expect, test } from 'vitest'
import { unifiedDiff } from '../../src/agents/unified-diff.ts'

function diff(before: string, after: string): string {
  return unifiedDiff({ name: 'version 1', text: before }, { name: 'version 2', text: after })
}

test('shows the lines that changed between three that did not', () => {
  const lines = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
  expect(diff(lines.join('\n'), lines.with(4, 'FIVE').join('\n'))).toBe(`--- version 1
+++ version 2
@@ -2,7 +2,7 @@
 two
 three
 four
-five
+FIVE
 six
 seven
 eight
`)
})

test('is empty when nothing changed', () => {
  expect(diff('a\nb', 'a\nb')).toBe('')
})

/** Lines of which no two texts have one in common. */
function longText(first: number): string {
  return Array.from({ length: 5_000 }, (_, index) => String.fromCharCode(first + (index % 26))).join('\n')
}

test('takes all out and puts all in when too much has changed to look for it line by line', () => {
  const began = process.cpuUsage()
  const patch = diff(longText(65), `${longText(97)}\n`)
  // time of the processor: that of the clock goes on while the machine does something else
  expect(process.cpuUsage(began).user).toBeLessThan(2_000_000)
  expect(patch.split('\n').slice(0, 4)).toEqual([
    '--- version 1',
    '+++ version 2',
    '@@ -1,5000 +1,5000 @@',
    '-A',
  ])
})

describe('can be applied:', () => {
  test.each([
    ['one line', 'Be kind.', 'Be brief.'],
    ['lines with an end', 'a\nb\n', 'a\nc\n'],
    ['an end that is new', 'a\nb', 'a\nb\n'],
    ['an end that is gone', 'a\nb\n', 'a\nb'],
    ['lines added and removed', 'a\nb\nc\nd', 'b\nc\nx\nd\ny'],
    [
      'lines that look like a diff',
      '--- a\n+++ b\n@@ -1 +1 @@',
      '--- a\n+++ c\n\\ No newline at end of file',
    ],
    ['ends of Windows', 'a\r\nb\r\n', 'a\r\nc\r\n'],
    ['all lines', longText(65), `${longText(97)}\n`],
    ['all lines, the other way', `${longText(97)}\n`, longText(65)],
  ])('%s', (_, before, after) => {
    expect(applyPatch(before, diff(before, after))).toBe(after)
  })
})
