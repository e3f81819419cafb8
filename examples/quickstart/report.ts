/** What the quickstart says about what happened, as plain lines. */
import type { OrganizationReport } from './load-dataset.ts'
import type { Answer } from './search.ts'
import type { BorderReport } from './try-borders.ts'
import { alignTable, countOf, fitLine, formatCount } from './format.ts'

/** Shows for each organization what was created and what was there already, and that the sum is right. */
export function describeLoad(reports: readonly OrganizationReport[], read: number): string[] {
  const rows = reports.map(({ organization, people, created, duplicate }) => [
    organization.name,
    people,
    created + duplicate,
    created,
    duplicate,
  ])
  const { people, created, duplicate } = totalOf(reports)
  const table = alignTable([
    ['organization', 'people', 'statements', 'created', 'duplicate'],
    ...rows,
    ['together', people, created + duplicate, created, duplicate],
  ])
  const sum = `${formatCount(created)} created + ${formatCount(duplicate)} duplicate = ${formatCount(created + duplicate)}`
  return [...table, '', `  ${sum} of ${countOf(read, 'statement', 'statements')} read`]
}

/** Adds up what was loaded. */
export function totalOf(reports: readonly OrganizationReport[]): {
  people: number
  created: number
  duplicate: number
} {
  const total = { people: 0, created: 0, duplicate: 0 }
  for (const { people, created, duplicate } of reports) {
    total.people += people
    total.created += created
    total.duplicate += duplicate
  }
  return total
}

/** Shows how fast it was; undefined where it was too short to say. */
export function describeSpeed(statements: number, milliseconds: number): string | undefined {
  if (milliseconds < 1 || statements < 1_000) return undefined
  const seconds = milliseconds / 1_000
  return `  ${seconds.toFixed(1)} s, ${formatCount(Math.round(statements / seconds))} rows per second, embedding included`
}

/** Shows what one organization answers, most similar first, and whom it is about. */
export function describeAnswers(organization: string, answers: readonly Answer[]): string[] {
  const lines = answers.map(({ content, similarity, people: [first = '', ...others] }) => {
    const people = others.length === 0 ? first : `${first} and ${countOf(others.length, 'other', 'others')}`
    const text = fitLine(content, 13 + people.length)
    return `    ${similarity.toFixed(2)}  ${text} (${people})`
  })
  return [`  ${organization}`, ...(lines.length > 0 ? lines : ['    nothing'])]
}

/** Shows what came of each attempt to cross a border, and what the other side still has. */
export function describeBorder(theirs: string, report: BorderReport): string[] {
  const rows = report.outcomes.map(({ what, how, outcome, held }) => [
    what,
    how,
    held ? outcome : `${outcome}  <- CROSSED`,
  ])
  const owned = `${countOf(report.agents, 'agent', 'agents')} and ${countOf(report.memories, 'memory', 'memories')}`
  const state = report.unchanged ? 'all as they were' : 'CHANGED'
  return [...alignTable(rows), '', `  Meanwhile, as ${theirs}: ${owned}, ${state}.`]
}

/** Says whether every attempt came to nothing. */
export function isIsolated({ outcomes, unchanged }: BorderReport): boolean {
  return unchanged && outcomes.length > 0 && outcomes.every(({ held }) => held)
}
