import { expect, test } from 'vitest'
import { parseArguments, usage, UsageError } from '../../examples/quickstart/arguments.ts'

test('takes no argument, one file, and --help', () => {
  expect(parseArguments([])).toEqual({ help: false, file: undefined })
  expect(parseArguments(['people.csv'])).toEqual({ help: false, file: 'people.csv' })
  expect(parseArguments(['--help'])).toMatchObject({ help: true })
  expect(parseArguments(['-h'])).toMatchObject({ help: true })
})

test.each([[['a.csv', 'b.csv']], [['--fast']], [['--help=yes']], [['']]])(
  'throws UsageError for %j',
  (args) => {
    expect(() => parseArguments(args)).toThrow(UsageError)
  },
)

test('says in one line what is wrong with an option', () => {
  expect(() => parseArguments(['--fast'])).toThrow("unknown option '--fast': see --help")
})

test('explains itself within 80 columns', () => {
  expect(Math.max(...usage.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})
