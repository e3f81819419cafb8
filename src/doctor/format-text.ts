/** The report for people. */
import { styleText } from 'node:util'
import type { Report } from './diagnose.ts'
import type { Finding } from './findings.ts'
import type { Severity } from './rule.ts'

/** How the text looks. */
export interface TextOptions {
  /** Bold and coloured, for a terminal. */
  readonly isColoured?: boolean
}

type Style = Parameters<typeof styleText>[0]

const colours: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', info: 'cyan' }

/** Writes a report as text: rule by rule, errors first, each with its reason once and with what it found. */
export function formatText(report: Report, { isColoured = false }: TextOptions = {}): string {
  // whether the stream is a terminal the caller has asked
  const paint: Paint = (style, text) =>
    isColoured ? styleText(style, text, { validateStream: false }) : text
  const sorted = severities.flatMap((severity) =>
    report.findings.filter((found) => found.severity === severity),
  )
  const groups = Map.groupBy(sorted, ({ code }) => code)
  const shown = new Set<string>()
  const sections = Array.from(groups.values(), (findings) => section(findings, shown, paint))
  return `${[headline(report), ...sections, summary(report, paint)].join('\n\n')}\n`
}

type Paint = (style: Style, text: string) => string

const severities: readonly Severity[] = ['error', 'warning', 'info']

function headline({ examined: { tenantTables, partitions, others, rules } }: Report): string {
  const tables = `${count(tenantTables, 'tenant table')}, ${count(partitions, 'partition')} and ${count(others, 'other relation')}`
  return `ibex-db doctor: ${tables}, ${count(rules, 'rule')}`
}

function section(findings: readonly Finding[], shown: Set<string>, paint: Paint): string {
  const [first] = findings
  if (first === undefined) return ''
  const { severity, code, problem, why, remedy } = first
  return [
    `${paint([...[colours[severity]].flat(), 'bold'], severity)} ${paint('bold', code)}: ${problem}`,
    ...wrap(`Why: ${why}`).map((line) => paint('dim', `  ${line}`)),
    ...wrap(`How: ${remedy}`).map((line) => paint('dim', `  ${line}`)),
    '',
    ...findings.flatMap((finding) => item(finding, shown, paint)),
  ].join('\n')
}

function item({ object, detail, fix }: Finding, shown: Set<string>, paint: Paint): readonly string[] {
  const isRepeated = fix.length > 0 && fix.every((statement) => shown.has(statement))
  for (const statement of fix) shown.add(statement)
  const lines = wrap(`${object}: ${detail}`).map((line, index) => `  ${index === 0 ? '-' : ' '} ${line}`)
  if (isRepeated) return [...lines, paint('dim', '      (a statement above mends this too)')]
  return [...lines, ...fix.map((statement) => paint('green', `      ${statement};`))]
}

function summary({ findings, accepted }: Report, paint: Paint): string {
  const counts = severities.flatMap((severity) => {
    const number = findings.filter((finding) => finding.severity === severity).length
    if (number === 0) return []
    return [
      paint(colours[severity], severity === 'info' ? `${number} for information` : count(number, severity)),
    ]
  })
  const total = counts.length === 0 ? paint('green', 'nothing found') : counts.join(', ')
  return accepted.length === 0 ? total : `${total}; ${accepted.length} accepted by the baseline`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** Breaks prose into lines of at most 110 characters. */
function wrap(text: string): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length >= 108) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
