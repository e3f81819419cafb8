/** The quickstart from end to end: migrate, load, ask as two organizations, try to cross from one to the other. */
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase, type Database } from '../../src/index.ts'
import type { DatabaseTarget } from '../../src/database/options.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { countOf } from './format.ts'
import { loadDataset, scopeOf, type OrganizationReport } from './load-dataset.ts'
import type { Dataset } from './people.ts'
import { personaDataset } from './persona-dataset.ts'
import type { Printer } from './printer.ts'
import { startProgress } from './progress.ts'
import {
  describeAnswers,
  describeBorder,
  describeLoad,
  describeQuestions,
  describeSpeed,
  isIsolated,
} from './report.ts'
import { sample } from './sample.ts'
import { answer, searchByEmbedding, type Answer, type AnsweredQuestion } from './search.ts'
import { tryBorders, type BorderReport } from './try-borders.ts'

/** Where the quickstart runs, what it loads and where it prints. */
export interface QuickstartOptions {
  readonly target: DatabaseTarget
  /** The persona CSV to load instead of the sample. */
  readonly file?: string | undefined
  readonly printer: Printer
}

/** What happened, for whoever wants to check it. */
export interface QuickstartResult {
  readonly statements: number
  readonly reports: readonly OrganizationReport[]
  /** What each of two organizations answers the first question. */
  readonly answers: readonly (readonly Answer[])[]
  /** What the first organization answers all questions. */
  readonly answered: readonly AnsweredQuestion[]
  readonly border: BorderReport
  /** True when no attempt reached another organization's rows. */
  readonly isIsolated: boolean
}

/**
 * Runs the quickstart.
 *
 * @throws {PersonaCsvError} before anything is written when the file is no persona CSV.
 */
export async function runQuickstart({ target, file, printer }: QuickstartOptions): Promise<QuickstartResult> {
  const dataset = file === undefined ? sample : await personaDataset(file)
  const migrations = await migrateToLatest({ target, provider: migrationProvider })
  printer.lines([`  ${describeMigrations(migrations)}`])
  await using database = createDatabase(target)
  await database.verifyIsolation()

  const reports = await load(database, dataset, printer)
  const [mine, theirs] = dataset.organizations
  if (mine === undefined || theirs === undefined)
    throw new Error('a dataset needs two organizations at least')
  const tenants = { mine: scopeOf(database, mine), theirs: scopeOf(database, theirs) }
  const [question] = dataset.questions
  const [embedding = new Float32Array()] = await lexicalEmbedder.embed([question])

  printer.section(`One question, two organizations: "${question}"`)
  const answers = [
    await searchByEmbedding(tenants.mine, embedding),
    await searchByEmbedding(tenants.theirs, embedding),
  ]
  const names = [mine.name, theirs.name]
  printer.lines(names.flatMap((name, index) => describeAnswers(name, answers[index] ?? [])))

  const answered: AnsweredQuestion[] = []
  for (const each of dataset.questions) answered.push(await answer(tenants.mine, each))
  printer.section(
    `${countOf(answered.length, 'question', 'questions')} to ${mine.name}, by text and, to the right, hybrid`,
    describeQuestions(answered),
  )
  const border = await tryBorders(tenants.mine, tenants.theirs, embedding)
  printer.section(`${mine.name} reaches for the rows of ${theirs.name}`, describeBorder(theirs.name, border))
  return {
    statements: dataset.statements,
    reports,
    answers,
    answered,
    border,
    isIsolated: isIsolated(border),
  }
}

function describeMigrations(names: readonly string[]): string {
  return names.length === 0
    ? 'The schema is up to date.'
    : `${countOf(names.length, 'migration', 'migrations')} applied.`
}

async function load(
  database: Database,
  dataset: Dataset,
  printer: Printer,
): Promise<readonly OrganizationReport[]> {
  const { people, statements } = dataset
  const what = `${countOf(statements, 'statement', 'statements')} of ${countOf(people, 'person', 'people')}`
  printer.section(`Loading ${what}`)
  const start = performance.now()
  const progress = startProgress(printer.output, statements)
  const reports = await loadDataset(database, dataset, {
    embedder: lexicalEmbedder,
    onProgress: (count) => progress.advance(count),
  }).finally(() => progress.finish())
  const speed = describeSpeed(statements, performance.now() - start)
  printer.lines([...(speed === undefined ? [] : [speed]), '', ...describeLoad(reports, statements)])
  return reports
}
