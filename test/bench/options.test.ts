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

  it('compares with all peers unless some are named, each once', () => {
    expect(parseOptions([], {})?.peers).toHaveLength(9)
    expect(parseOptions(['--peers', 'pg, knex,pg'], {})?.peers).toEqual(['pg', 'knex'])
  })

  it.each(['pg,oracle', '', 'pg,'])('throws when a peer does not exist: "%s"', (peers) => {
    expect(() => parseOptions(['--peers', peers], {})).toThrow('--peers knows pg, postgres-js')
  })

  it('throws when --memory comes with what it cannot do', () => {
    expect(() => parseOptions(['--memory', '--peers', 'pg'], {})).toThrow('--memory compares with no peer')
    expect(() => parseOptions(['--memory', '--markdown', 'a.md'], {})).toThrow('writes no Markdown')
  })

  it('returns nothing when help is asked for', () => {
    expect(parseOptions(['--help'], {})).toBeUndefined()
  })

  it('throws when an option is unknown', () => {
    expect(() => parseOptions(['--fast'], {})).toThrow(TypeError)
  })
})
