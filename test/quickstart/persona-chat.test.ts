import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadDataset } from '../../examples/quickstart/load-dataset.ts'
import { countStatements } from '../../examples/quickstart/outcomes.ts'
import type { Dataset, Person } from '../../examples/quickstart/people.ts'
import { personaDataset } from '../../examples/quickstart/persona-dataset.ts'
import { createPrinter } from '../../examples/quickstart/printer.ts'
import { runQuickstart, type QuickstartResult } from '../../examples/quickstart/quickstart.ts'
import { totalOf } from '../../examples/quickstart/report.ts'
import { createDatabase, lexicalEmbedder } from '../../src/index.ts'
import { skipOnServer, skipWithoutFile } from '../support/skip.ts'
import { collectOutput } from './collect-output.ts'

const published = join(import.meta.dirname, '../../../shared/data/persona-chat/conversations.csv')

/** What is stated in the file, for each question that the quickstart asks. */
const facts: Readonly<Record<string, RegExp>> = {
  'Who loves to bake cookies?': /^I love to bake cookies\.$/,
  'Does anybody volunteer at a shelter for the homeless?': /^I volunteer (at the|in a) homeless shelter\.$/,
  'Which of them won a medal at the Olympics?': /^I won a gold medal in the 1992 olympics\.$/,
  'Is someone afraid of clowns?': /^I am terrified of clowns/,
  'Who can play the violin?': /^I play the violin and the guitar\.$/,
  'Who has been to Spain?': /^I have visited spain/,
  'Does anyone want to become a lawyer?': /^I want to be a lawyer\.$/,
  'How many books do they read in a year?': /^I read twenty books a year\.$/,
  'What are people allergic to?': /^I have an allergy to water\.$/,
  'Does somebody collect hats?': /^I have a hat collection/,
}

const { skip, meta } = skipOnServer()
const options = skip ? { skip, meta } : skipWithoutFile(published, '../shared/data/persona-chat')

describe('the published validation split', options, () => {
  let directory: string
  let result: QuickstartResult
  let printed: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ibex-persona-chat-'))
    const { output, text } = collectOutput()
    const target = { embedded: directory }
    result = await runQuickstart({ target, file: published, printer: createPrinter(output) })
    printed = text()
  }, 300_000)

  afterAll(async () => {
    await rm(directory, { recursive: true })
  })

  test('counts each of 8,978 statements once: no person says one twice', () => {
    const { people, outcomes } = totalOf(result.reports)
    expect({ people, ...outcomes }).toMatchObject({
      people: 2_000,
      created: 8_978,
      duplicate: 0,
      merged: 0,
      pending_review: 0,
    })
    expect(countStatements(outcomes)).toBe(result.statements)
    expect(printed).toContain('  = 8,978 of 8,978 statements read')
  })

  test('counts each once where one agent hears them all, and merges none that differ', async () => {
    await using database = createDatabase({ embedded: directory })
    const dataset = heardByOne(await personaDataset(published))
    const options = { embedder: lexicalEmbedder, onProgress: () => {} }
    const { outcomes } = totalOf(await loadDataset(database, dataset, options))
    expect(countStatements(outcomes)).toBe(8_978)
    // the 13 are near one before them: other colours, other ages, "step children", "in a" shelter and not "at the"
    expect(outcomes).toMatchObject({ created: 481, duplicate: 8_484, merged: 0, pending_review: 13 })
  }, 120_000)

  test.each(['text', 'hybrid'] as const)('finds what is stated by %s for 8 of ten questions', (way) => {
    expect(result.answered.map(({ question }) => question)).toEqual(Object.keys(facts))
    const found = result.answered.filter(({ question, [way]: answers }) =>
      answers.slice(0, 3).some(({ content }) => facts[question]?.test(content) === true),
    )
    expect(found.length).toBeGreaterThanOrEqual(8)
  })

  test('is printed within 80 columns, each question with its answers', () => {
    expect(printed.split('\n').filter((line) => Array.from(line).length > 80)).toEqual([])
    for (const question of Object.keys(facts)) expect(printed).toContain(`\n  ${question}\n    I `)
  })
})

/** The same statements as of one person in one organization. */
function heardByOne(dataset: Dataset): Dataset {
  const everybody = { slug: 'everybody', name: 'Everybody' }
  return {
    ...dataset,
    organizations: [everybody],
    async *read(): AsyncGenerator<Person> {
      for await (const person of dataset.read()) yield { ...person, organization: 'everybody', key: 'all' }
    },
  }
}
