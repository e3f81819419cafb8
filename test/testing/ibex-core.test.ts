/** The kit on the schema of ibex-db itself, and on a consumer's tables that refer to it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { oneOf, textOfLength } from '../../src/migration/columns.ts'
import { expectNoninterference } from '../../src/testing/expect-noninterference.ts'
import { expectTenantIsolation } from '../../src/testing/expect-tenant-isolation.ts'
import type { RowContext } from '../../src/testing/options.ts'
import { mutatePolicies } from '../../src/testing/mutate-policies.ts'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

// with a neighbour in every table the tables are not empty
const acceptExistingRows = process.env['TEST_NEIGHBOUR'] === '1'
const options = {
  acceptExistingRows,
  schemas: ['ibex_core', 'public'],
  factories: {
    // the subject has no foreign key, and a hold that stands would keep the rows of every other table
    'ibex_core.legal_holds': ({ tenant }: RowContext) => ({
      subject_type: 'organization',
      subject_id: tenant,
      released_at: '2026-01-01',
      release_reason: 'settled',
    }),
  },
  exempt: {
    'ibex_core.erasure_receipts': 'written by an erasure alone: test/erasure',
    'ibex_core.sign_tenant':
      'says until when its signature holds, so it never answers the same: test/tenancy/untrusted',
  },
}
let database: TestDatabase

beforeAll(async () => {
  database = await setup()
  await createTenantTable(database.admin, 'public.notes', {
    comment: 'Something that an agent wrote down.',
    softDelete: true,
    columns: {
      agent_id: { type: 'uuid' },
      title: textOfLength(1, 200),
      status: oneOf(['draft', 'published'], { value: 'draft' }),
      words: { type: 'tsvector', generated: "to_tsvector('english', title)" },
    },
    unique: [['title']],
    references: [{ columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade' }],
  })
  await createTenantTable(database.admin, 'public.note_log', {
    comment: 'What happened to notes.',
    appendOnly: true,
    partitions: 2,
    columns: { body: { type: 'text' } },
  })
})

afterAll(async () => {
  await database.close()
})

test('keeps tenants apart in every table', { timeout: 120_000 }, async () => {
  const report = await expectTenantIsolation(database, options)
  expect(report).toMatchObject({ violations: [], unfilled: [] })
  expect(report.tables).toBeGreaterThanOrEqual(34)
  expect(report.functions).toBeGreaterThan(5)
})

test(
  'proves the tables of a consumer alone, with rows in those that they refer to',
  { timeout: 120_000 },
  async () => {
    const report = await expectTenantIsolation(database, { acceptExistingRows, schemas: ['public'] })
    expect(report).toMatchObject({ tables: 2, partitions: 2, violations: [], unfilled: [] })
  },
)

test('has every mutant noticed', { timeout: 300_000 }, async ({ annotate }) => {
  const { survivors, killed, mutants, duration } = await mutatePolicies(database, {
    ...options,
    print: () => {},
  })
  await annotate(`${killed} mutants killed in ${duration} ms`)

  expect(survivors).toEqual([])
  expect(killed).toBeGreaterThan(350)
  const shielded = mutants.filter(
    ({ outcome, reason }) => outcome === 'equivalent' && reason.includes('trigger'),
  )
  for (const { name } of shielded) expect(name).toContain('points_ledger')
})

test('lets no tenant notice what another one does', { timeout: 120_000 }, async () => {
  const report = await expectNoninterference(database, { ...options, runs: 20, seed: 1 })
  expect(report.effective).toBeGreaterThan(20)
})
