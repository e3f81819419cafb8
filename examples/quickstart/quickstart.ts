/** The quickstart from end to end: migrate, load, search as two organizations, try to cross from one to the other. */
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase, type Database, type TenantScope } from '../../src/index.ts'
import type { DatabaseTarget } from '../../src/database/options.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { countOf } from './format.ts'
import { loadDataset, organizationId, type OrganizationReport } from './load-dataset.ts'
import type { Dataset, Organization } from './people.ts'
import { personaDataset } from './persona-dataset.ts'
import type { Printer } from './printer.ts'
import { startProgress } from './progress.ts'
import { describeAnswers, describeBorder, describeLoad, describeSpeed, isIsolated } from './report.ts'
import { sample, sampleQuestion } from './sample.ts'
import { search, type Answer } from './search.ts'
import { tryBorders, type BorderReport } from './try-borders.ts'

const personaQuestion = 'Who loves to bake cookies?'

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
  readonly answers: readonly (readonly Answer[])[]
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
  const question = file === undefined ? sampleQuestion : personaQuestion
  const [embedding = new Float32Array()] = await lexicalEmbedder.embed([question])

  printer.section(`One question, two organizations: "${question}"`)
  const answers = [
    await ask(database, mine, embedding, printer),
    await ask(database, theirs, embedding, printer),
  ]
  const border = await tryBorders(scopeOf(database, mine), scopeOf(database, theirs), embedding)
  printer.section(`${mine.name} reaches for the rows of ${theirs.name}`, describeBorder(theirs.name, border))
  return { statements: dataset.statements, reports, answers, border, isIsolated: isIsolated(border) }
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

async function ask(
  database: Database,
  organization: Organization,
  embedding: Float32Array,
  printer: Printer,
): Promise<readonly Answer[]> {
  const answers = await search(scopeOf(database, organization), embedding)
  printer.lines(describeAnswers(organization.name, answers))
  return answers
}

function scopeOf(database: Database, organization: Organization): TenantScope {
  return database.forTenant(organizationId(organization), { actor: { type: 'system', id: 'quickstart' } })
}
