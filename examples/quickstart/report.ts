/** What the quickstart says about what happened, as plain lines. */
import type { OrganizationReport } from './load-dataset.ts'
import { countStatements, outcomeNames, sumOutcomes, type Outcomes } from './outcomes.ts'
import type { Answer, AnsweredQuestion } from './search.ts'
import type { BorderReport } from './try-borders.ts'
import { alignHalves, alignTable, countOf, fitLine, formatCount } from './format.ts'

/** Shows for each organization what became of its statements, and that the sum is right. */
export function describeLoad(reports: readonly OrganizationReport[], read: number): string[] {
  const { people, outcomes: total } = totalOf(reports)
  // The last two happen to those only who have erased or superseded something since.
  const names = outcomeNames.filter((name, index) => index < 4 || total[name] > 0)
  const headings = names.map((name) => name.replace('_', ' '))
  const row = (name: string, count: number, outcomes: Outcomes): (string | number)[] => [
    name,
    count,
    ...names.map((outcome) => outcomes[outcome]),
  ]
  const table = alignTable([
    ['organization', 'people', ...headings],
    ...reports.map(({ organization, ...report }) => row(organization.name, report.people, report.outcomes)),
    row('together', people, total),
  ])
  const terms = names.map((name, index) => `${formatCount(total[name])} ${headings[index] ?? name}`)
  const sum = `= ${formatCount(countStatements(total))} of ${countOf(read, 'statement', 'statements')} read`
  return [...table, '', `  ${terms.join(' + ')}`, `  ${sum}`]
}

/** Adds up what was loaded. */
export function totalOf(reports: readonly OrganizationReport[]): { people: number; outcomes: Outcomes } {
  return {
    people: reports.reduce((sum, { people }) => sum + people, 0),
    outcomes: sumOutcomes(reports.map(({ outcomes }) => outcomes)),
  }
}

/** Shows how fast it was; undefined where it was too short to say. */
export function describeSpeed(statements: number, milliseconds: number): string | undefined {
  if (milliseconds < 1 || statements < 1_000) return undefined
  const seconds = milliseconds / 1_000
  return `  ${seconds.toFixed(1)} s, ${formatCount(Math.round(statements / seconds))} rows per second, embedding included`
}

/** Shows what one organization answers, most similar first, and whom it is about. */
export function describeAnswers(organization: string, answers: readonly Answer[]): string[] {
  const lines = answers.map(({ content, relevance, people: [first = '', ...others] }) => {
    const people = others.length === 0 ? first : `${first} and ${countOf(others.length, 'other', 'others')}`
    const text = fitLine(content, 13 + people.length)
    return `    ${relevance.toFixed(2)}  ${text} (${people})`
  })
  return [`  ${organization}`, ...(lines.length > 0 ? lines : ['    nothing'])]
}

/** Shows each question, and below it side by side what was found by text and hybrid, best first. */
export function describeQuestions(answered: readonly AnsweredQuestion[]): string[] {
  return answered.flatMap(({ question, text, hybrid }) => {
    const lines = Math.max(text.length, hybrid.length, 1)
    const rows = Array.from(
      { length: lines },
      (_, place) => [answerAt(text, place), answerAt(hybrid, place)] as const,
    )
    return [`  ${question}`, ...alignHalves(rows)]
  })
}

function answerAt(answers: readonly Answer[], place: number): string {
  return answers[place]?.content ?? (place === 0 ? 'nothing' : '')
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
