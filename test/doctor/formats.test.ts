import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Report } from '../../src/doctor/diagnose.ts'
import { findingOf } from '../../src/doctor/findings.ts'
import { formatJson } from '../../src/doctor/format-json.ts'
import { formatSarif } from '../../src/doctor/format-sarif.ts'
import { formatText } from '../../src/doctor/format-text.ts'
import { rlsDisabled } from '../../src/doctor/rules/rls-disabled.ts'
import { sequenceKey } from '../../src/doctor/rules/sequence-key.ts'
import { tenantIndex } from '../../src/doctor/rules/tenant-index.ts'

const notes = 'table public.notes'
const index = findingOf(tenantIndex, {
  object: notes,
  detail: 'no index',
  fix: ['create index on public.notes (org_id)'],
})
const disabled = findingOf(rlsDisabled, {
  object: notes,
  detail: 'it is off',
  fix: ['alter table a', 'alter table b'],
})
const counted = findingOf(sequenceKey, { object: 'column public."a ""b""".id', detail: 'it counts' })
const accepted = {
  ...findingOf(rlsDisabled, { object: 'table public.plans', detail: 'off' }),
  reason: 'public',
}
const examined = { tenantTables: 1, partitions: 2, others: 0, rules: 54 }
const report: Report = { findings: [index, counted, disabled], accepted: [accepted], examined }

test('prints errors first, with the reason once and each statement', () => {
  const lines = formatText(report).split('\n')
  expect(lines[0]).toBe('ibex-db doctor: 1 tenant table, 2 partitions and 0 other relations, 54 rules')
  const headings = lines
    .filter((line) => /^(error|warning|info) /.test(line))
    .map((line) => line.split(':')[0])
  expect(headings).toEqual(['error rls-disabled', 'warning tenant-index', 'info sequence-key'])
  expect(lines.slice(-16)).toContain('  - table public.notes: no index')
  expect(lines).toContain('      create index on public.notes (org_id);')
  expect(lines.at(-2)).toBe('1 error, 1 warning, 1 for information; 1 accepted by the baseline')
  expect(lines.at(-1)).toBe('')
})

test('keeps every line but statements short', () => {
  const lines = formatText(report).split('\n')
  expect(lines.filter((line) => line.length > 112 && !line.startsWith('      '))).toEqual([])
})

test('says that nothing was found', () => {
  const text = formatText({ ...report, findings: [], accepted: [] })
  expect(text).toMatch(/\n\nnothing found\n$/)
})

test('prints a statement that mends two findings once', () => {
  const other = findingOf(rlsDisabled, {
    object: 'table public.tasks',
    detail: 'it is off',
    fix: disabled.fix,
  })
  const text = formatText({ ...report, findings: [disabled, other] })
  expect(text.match(/alter table a;/g)).toHaveLength(1)
  expect(text).toContain('(a statement above mends this too)')
})

test('has no control characters unless colours are asked for, and says the same with them', () => {
  const [plain, coloured] = [formatText(report), formatText(report, { isColoured: true })]
  expect(stripVTControlCharacters(plain)).toBe(plain)
  expect(coloured).not.toBe(plain)
  expect(stripVTControlCharacters(coloured)).toBe(plain)
})

test('writes the report as JSON, with the version of its shape', () => {
  expect(JSON.parse(formatJson(report))).toEqual({ version: 1, ...report })
})

interface Sarif {
  readonly version: string
  readonly runs: readonly [SarifRun]
}

interface SarifRun {
  readonly tool: { readonly driver: { readonly name: string; readonly rules: readonly SarifRule[] } }
  readonly results: readonly SarifResult[]
}

interface SarifRule {
  readonly id: string
  readonly defaultConfiguration: { readonly level: string }
  readonly [text: string]: unknown
}

interface SarifResult {
  readonly ruleId: string
  readonly ruleIndex: number
  readonly level: string
  readonly message: { readonly text: string }
  readonly suppressions?: readonly unknown[]
  readonly partialFingerprints: Readonly<Record<string, string>>
  readonly locations: readonly {
    readonly logicalLocations: readonly { readonly fullyQualifiedName: string }[]
  }[]
}

const levels: readonly string[] = ['none', 'note', 'warning', 'error']

test('writes SARIF with all that its schema requires', () => {
  const log = JSON.parse(formatSarif(report)) as Sarif
  expect(Object.keys(log).sort()).toEqual(['$schema', 'runs', 'version'])
  expect(log.version).toBe('2.1.0')
  const [{ tool, results }] = log.runs
  expect(tool.driver.name).toBe('ibex-db doctor')
  // a reportingDescriptor needs an id, a message string a text; ids are unique
  expect(new Set(tool.driver.rules.map(({ id }) => id)).size).toBe(tool.driver.rules.length)
  for (const rule of tool.driver.rules) {
    expect(levels).toContain(rule.defaultConfiguration.level)
    for (const text of ['shortDescription', 'fullDescription', 'help']) {
      expect(rule[text]).toEqual({ text: expect.stringMatching(/\S/) })
    }
  }
  for (const { ruleId, ruleIndex, level, message, locations } of results) {
    expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
    expect(levels).toContain(level)
    expect(message.text).not.toBe('')
    expect(locations[0]?.logicalLocations[0]?.fullyQualifiedName).not.toBe('')
  }
})

test('suppresses in SARIF what the baseline accepts, with its reason', () => {
  const [{ results }] = (JSON.parse(formatSarif(report)) as Sarif).runs
  expect(results.map(({ ruleId, level }) => `${level} ${ruleId}`)).toEqual([
    'warning tenant-index',
    'note sequence-key',
    'error rls-disabled',
    'error rls-disabled',
  ])
  expect(results.map(({ suppressions }) => suppressions)).toEqual([
    undefined,
    undefined,
    undefined,
    [{ kind: 'external', status: 'accepted', justification: 'public' }],
  ])
  expect(results[0]?.partialFingerprints).toEqual({ 'codeAndObject/v1': `tenant-index ${notes}` })
  expect(results[0]?.message.text).toContain('create index on public.notes (org_id);')
})
