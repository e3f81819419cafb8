import { describe, expect, it } from 'vitest'
import { parseOptions } from '../../bench/options.ts'

describe('parseOptions', () => {
  it('takes the server from --url before TEST_DATABASE_URL', () => {
    const environment = { TEST_DATABASE_URL: 'postgresql://from-environment/x' }
    expect(parseOptions([], environment)?.url).toBe('postgresql://from-environment/x')
    expect(parseOptions(['--url', 'postgresql://given/x'], environment)?.url).toBe('postgresql://given/x')
  })

  it('names no server when none is given, nor for an empty variable', () => {
    expect(parseOptions([], {})?.url).toBeUndefined()
    expect(parseOptions([], { TEST_DATABASE_URL: '' })?.url).toBeUndefined()
  })

  it('measures for less than 30 seconds with --quick', () => {
    const quick = parseOptions(['--quick'], {})
    const contenders = 5
    const settings = 4
    const milliseconds =
      ((quick?.rounds ?? Infinity) + 1) * (quick?.sliceMs ?? Infinity) * contenders * settings
    expect(milliseconds).toBeLessThan(15_000)
  })

  it('returns nothing when help is asked for', () => {
    expect(parseOptions(['--help'], {})).toBeUndefined()
  })

  it('throws when an option is unknown', () => {
    expect(() => parseOptions(['--fast'], {})).toThrow(TypeError)
  })
})
