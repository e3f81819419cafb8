import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { applyBaseline, parseBaseline, readBaseline } from '../../src/doctor/baseline.ts'
import { findingOf } from '../../src/doctor/findings.ts'
import type { Finding } from '../../src/doctor/findings.ts'
import { rlsDisabled } from '../../src/doctor/rules/rls-disabled.ts'
import { InvalidBaselineError } from '../../src/errors.ts'

const entry = { code: 'rls-disabled', object: 'table public.notes', reason: 'It holds nothing of a tenant.' }

function finding(object: string): Finding {
  return findingOf(rlsDisabled, { object, detail: 'row-level security is not enabled' })
}

test('takes accepted findings out, and keeps their reason', () => {
  const [notes, tasks] = [finding('table public.notes'), finding('table public.tasks')]
  const { findings, accepted } = applyBaseline([notes, tasks], { accepted: [entry] })
  expect(findings).toEqual([tasks])
  expect(accepted).toEqual([{ ...notes, reason: entry.reason }])
})

test('reports an entry that accepts nothing any more', () => {
  const { findings, accepted } = applyBaseline([], { accepted: [entry] })
  expect(accepted).toEqual([])
  expect(findings).toMatchObject([
    { code: 'baseline-stale', severity: 'warning', object: 'baseline rls-disabled, table public.notes' },
  ])
})

test('reports an entry for a rule that does not exist', () => {
  const { findings } = applyBaseline([], { accepted: [{ ...entry, code: 'rls-disbaled' }] })
  expect(findings).toMatchObject([
    { code: 'baseline-unknown', severity: 'warning', object: 'baseline rls-disbaled, table public.notes' },
  ])
})

test('accepts one object and no other of the same rule, and one rule and no other of the same object', () => {
  const other = { ...finding('table public.notes'), code: 'rls-not-forced' }
  const { findings } = applyBaseline([finding('table public.note'), other], { accepted: [entry] })
  expect(findings.map(({ code }) => code)).toEqual(['rls-disabled', 'rls-not-forced', 'baseline-stale'])
})

test('reads a baseline that is one', () => {
  expect(parseBaseline(JSON.stringify({ accepted: [entry] }))).toEqual({ accepted: [entry] })
  expect(parseBaseline('{ "accepted": [] }')).toEqual({ accepted: [] })
})

test.each([
  ['', 'no JSON'],
  ['{ "accepted": [', 'no JSON'],
  ['null', 'an object with a list'],
  ['[]', 'an object with a list'],
  ['{ "accepted": {} }', 'an object with a list'],
  ['{ "accepted": ["rls-disabled"] }', 'entry 1 of the baseline must be an object'],
  [JSON.stringify({ accepted: [entry, { ...entry, object: '' }] }), 'entry 2 of the baseline: object'],
  [
    JSON.stringify({ accepted: [{ code: entry.code, object: entry.object }] }),
    'entry 1 of the baseline: reason',
  ],
  [JSON.stringify({ accepted: [{ ...entry, reason: '  ' }] }), 'entry 1 of the baseline: reason'],
  [JSON.stringify({ accepted: [{ ...entry, code: 7 }] }), 'entry 1 of the baseline: code'],
  [JSON.stringify({ accepted: [{ ...entry, until: '2030' }] }), 'has more than code, object and reason'],
  [
    JSON.stringify({ accepted: [entry, { ...entry, reason: 'twice' }] }),
    'entry 2 of the baseline accepts what an earlier one',
  ],
])('refuses %s', (text, message) => {
  expect(() => parseBaseline(text)).toThrow(InvalidBaselineError)
  expect(() => parseBaseline(text)).toThrow(message)
})

test('reads a file, and says when it cannot', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ibex-baseline-'))
  onTestFinished(async () => {
    await rm(folder, { recursive: true })
  })
  const path = join(folder, 'doctor.json')
  await expect(readBaseline(path)).rejects.toThrow(InvalidBaselineError)
  await expect(readBaseline(folder)).rejects.toThrow('cannot be read')
  await writeFile(path, JSON.stringify({ accepted: [entry] }))
  expect(await readBaseline(path)).toEqual({ accepted: [entry] })
})
