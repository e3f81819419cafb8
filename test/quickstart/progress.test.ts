import { expect, test } from 'vitest'
import { startProgress } from '../../examples/quickstart/progress.ts'
import { collectOutput } from './collect-output.ts'

test('prints a line for every quarter where there is no terminal', () => {
  const { output, text } = collectOutput()
  const progress = startProgress(output, 2_000)
  for (let count = 0; count < 20; count++) progress.advance(100)
  progress.finish()
  expect(text()).toBe('  25 %  500/2,000\n  50 %  1,000/2,000\n  75 %  1,500/2,000\n  100 %  2,000/2,000\n')
})

test('prints no quarter twice and none that was jumped over', () => {
  const { output, text } = collectOutput()
  const progress = startProgress(output, 10)
  for (const count of [1, 8, 0, 1]) progress.advance(count)
  expect(text()).toBe('  75 %  9/10\n  100 %  10/10\n')
})

test('draws a bar that reaches its end in a terminal, and never hides the cursor, which an interruption would not give back', () => {
  const { output, text } = collectOutput({ isTTY: true })
  // What cli-progress needs of a terminal beside write(); node:tty has them.
  Object.assign(output, { cursorTo: () => true, clearLine: () => true, moveCursor: () => true, columns: 80 })
  const progress = startProgress(output, 9_000)
  progress.advance(9_000)
  progress.finish()
  expect(text()).toContain(`${'━'.repeat(48)}  9,000/9,000`)
  expect(text()).not.toContain('\u001B[?25l')
})
