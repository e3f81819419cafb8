/** The report for code scanning: SARIF 2.1.0. */
import type { Report } from './diagnose.ts'
import { allWords } from './findings.ts'
import type { Finding, RuleWords } from './findings.ts'
import type { Severity } from './rule.ts'

const levels: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' }

/**
 * Writes a report as SARIF 2.1.0.
 *
 * A finding has a logical location, the database object, and no file. Accepted ones are there as suppressed, with the
 * reason. `partialFingerprints` keeps a finding the same from run to run.
 */
export function formatSarif({ findings, accepted }: Report): string {
  const results = [
    ...findings.map((finding) => resultOf(finding)),
    ...accepted.map((finding) => ({
      ...resultOf(finding),
      suppressions: [{ kind: 'external', status: 'accepted', justification: finding.reason }],
    })),
  ]
  const driver = { name: 'ibex-db doctor', rules: allWords.map(descriptorOf) }
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

function descriptorOf({ code, severity, problem, why, remedy }: RuleWords): object {
  return {
    id: code,
    shortDescription: { text: problem },
    fullDescription: { text: why },
    help: { text: remedy },
    defaultConfiguration: { level: levels[severity] },
  }
}

function resultOf({ code, severity, problem, object, detail, fix }: Finding): object {
  const mend = fix.length === 0 ? '' : `\n${fix.map((statement) => `${statement};`).join('\n')}`
  return {
    ruleId: code,
    ruleIndex: allWords.findIndex((words) => words.code === code),
    level: levels[severity],
    message: { text: `${problem} ${object}: ${detail}.${mend}` },
    locations: [{ logicalLocations: [{ fullyQualifiedName: object, kind: 'object' }] }],
    partialFingerprints: { 'codeAndObject/v1': `${code} ${object}` },
  }
}
