import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { organizationId } from '../../examples/quickstart/load-dataset.ts'
import { createPrinter } from '../../examples/quickstart/printer.ts'
import { runQuickstart, type QuickstartResult } from '../../examples/quickstart/quickstart.ts'
import { totalOf } from '../../examples/quickstart/report.ts'
import { sample } from '../../examples/quickstart/sample.ts'
import { tryBorders } from '../../examples/quickstart/try-borders.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { createDatabase, type Database, type TenantScope } from '../../src/index.ts'
import { collectOutput } from './collect-output.ts'

let directory: string
let first: QuickstartResult
let second: QuickstartResult
let printed: string
let database: Database

// Always on the embedded engine: that is what a fresh clone runs.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ibex-quickstart-'))
  const { output, text } = collectOutput()
  const target = { embedded: directory }
  first = await runQuickstart({ target, printer: createPrinter(output) })
  printed = text()
  second = await runQuickstart({ target, printer: createPrinter(output) })
  database = createDatabase(target)
}, 120_000)

afterAll(async () => {
  await database.close()
  await rm(directory, { recursive: true })
})

function tenantAt(index: number): TenantScope {
  const organization = sample.organizations[index]
  if (organization === undefined) throw new Error('the sample has no such organization')
  return database.forTenant(organizationId(organization))
}

test('creates every statement once, and counts what is said again, said otherwise and contradicted', () => {
  const rest = { superseded: 0, erased: 0 }
  expect(first.reports.map(({ outcomes }) => outcomes)).toEqual([
    { created: 18, duplicate: 2, merged: 0, pending_review: 0, ...rest },
    { created: 17, duplicate: 2, merged: 1, pending_review: 0, ...rest },
    { created: 18, duplicate: 1, merged: 0, pending_review: 1, ...rest },
  ])
})

test('merges what differs in letters only, and keeps a contradiction for a review', async () => {
  const statuses = await Promise.all(
    [1, 2].map(async (index) => {
      const { db } = tenantAt(index)
      const others = db.selectFrom('ibex_core.memories').where('status', '!=', 'active')
      return await others.select(['content', 'status']).execute()
    }),
  )
  expect(statuses).toEqual([
    [{ content: 'Elif wants every invoice as a pdf!', status: 'merged' }],
    [{ content: 'Farah dispatches sixty lorries a day.', status: 'pending_review' }],
  ])
})

test('creates nothing when it runs again', async () => {
  const outcomes = { created: 0, duplicate: 59, merged: 1, pending_review: 0, superseded: 0, erased: 0 }
  expect(totalOf(second.reports)).toEqual({ people: 9, outcomes })
  const counts = await Promise.all(
    [0, 1, 2].map(async (index) => {
      const { db } = tenantAt(index)
      const users = await db.selectFrom('ibex_core.users').select('id').execute()
      const agents = await db.selectFrom('ibex_core.agents').select('id').execute()
      const memories = await db.selectFrom('ibex_core.memories').select('id').execute()
      return [users.length, agents.length, memories.length]
    }),
  )
  expect(counts).toEqual([
    [3, 3, 18],
    [3, 3, 18],
    [3, 3, 19],
  ])
})

test('answers the same question differently to two organizations', () => {
  const [mine, theirs] = first.answers
  expect(mine?.[0]?.content).toBe('Ana lives in Porto, two streets from the river.')
  expect(theirs?.[0]?.content).toBe('Ana lives in Bergen, above the bakery.')
  expect(mine?.every(({ relevance }) => relevance >= 0 && relevance <= 1)).toBe(true)
})

test('finds the stated fact first by text and hybrid', () => {
  const facts = [
    'Ana lives in Porto, two streets from the river.',
    'Chiara orders supplies on the first day of the month.',
    'Ana is allergic to penicillin.',
    'Boris takes his coffee with milk.',
    'Chiara speaks Italian, German and some Polish.',
  ]
  expect(first.answered.map(({ text }) => text[0]?.content)).toEqual(facts)
  expect(first.answered.map(({ hybrid }) => hybrid[0]?.content)).toEqual(facts)
})

test('reaches nothing of the other organization, which keeps what it had', () => {
  expect(first.border.outcomes.map(({ what, outcome }) => `${what}: ${outcome}`)).toEqual([
    'select an agent by its id: 0 rows',
    'select memories by organization: 0 rows',
    'select count(*) of its memories: 0 rows',
    'update an agent by its id: 0 rows',
    'update all of its memories: 0 rows',
    'delete an agent by its id: 0 rows',
    'delete all of its memories: 0 rows',
    'insert an agent into it: InsufficientPrivilegeError',
    'give it an agent of mine: InsufficientPrivilegeError',
    'insert a memory for its agent: ForeignKeyViolationError',
  ])
  expect(first.border).toMatchObject({ agents: 3, memories: 18, unchanged: true })
  expect([first.isIsolated, second.isIsolated]).toEqual([true, true])
})

test('would notice a border that gives way, and undo what came through', async () => {
  // An organization that reaches for its own rows is what a missing border looks like.
  const [embedding = new Float32Array()] = await lexicalEmbedder.embed(['anything'])
  const report = await tryBorders(tenantAt(0), tenantAt(0), embedding)
  const through = report.outcomes.filter(({ held }) => !held)
  expect(through.map(({ what }) => what)).toEqual(
    // Moving rows to an organization is refused, whichever it is.
    report.outcomes.map(({ what }) => what).filter((what) => what !== 'give it an agent of mine'),
  )
  expect(report.unchanged).toBe(true)
})

test('prints sections that fit in 80 columns, and no colours where there is no terminal', () => {
  expect(printed.split('\n').filter((line) => Array.from(line).length > 80)).toEqual([])
  expect(printed).not.toContain('\u001B')
  expect(printed).toContain(
    '  53 created + 5 duplicate + 1 merged + 1 pending review\n  = 60 of 60 statements read',
  )
  for (const { question } of first.answered) expect(printed).toContain(`  ${question}\n`)
})
