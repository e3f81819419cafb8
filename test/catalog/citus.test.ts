/** What Citus would refuse of the tables of ibex_core: exactly what docs/scaling.md says, and nothing else. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { type CitusTable, readCitusTables } from './citus-catalog.ts'
import { type CitusObjection, type CitusPlan, citusObjections } from './citus-rules.ts'
import { citusPlan, knownActions, knownTriggers } from './citus-exceptions.ts'

let database: TestDatabase
let tables: readonly CitusTable[]
let objections: readonly CitusObjection[]

beforeAll(async () => {
  database = await setup()
  tables = await readCitusTables(database.admin, 'ibex_core')
  objections = citusObjections(tables, citusPlan)
})

afterAll(async () => {
  await database.close()
})

test('places tables that exist', () => {
  const names = tables.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining([...citusPlan.references, ...citusPlan.locals]))
  expect(names.length).toBeGreaterThan(citusPlan.references.size + citusPlan.locals.size + 30)
})

test('keeps the rules but for policies, actions of keys, and triggers', () => {
  const others = objections.filter(({ rule }) => !['policy', 'key action', 'trigger'].includes(rule))
  expect(others).toEqual([])
})

test('has a sub-select in the policies of the tenant and of untrusted SQL, on every table with a tenant', () => {
  const expected = tables
    .filter(({ name }) => !citusPlan.locals.has(name))
    .flatMap(({ policies }) => policies.map(({ name }) => name))
    .filter((name) => /_(tenant_isolation|untrusted_read)$/.test(name))
  expect(objectsOf('policy')).toEqual(expected)
  expect(expected.filter((name) => name.endsWith('_untrusted_read')).length).toBeGreaterThan(5)
})

test('sets to null by the keys that are known', () => {
  expect(objectsOf('key action').toSorted()).toEqual(knownActions)
})

test('runs the triggers that are known, beside those that concern nothing but their own row', () => {
  const found: Record<string, string> = {}
  const own: string[] = []
  for (const { table, object } of objections.filter(({ rule }) => rule === 'trigger')) {
    const name = table.replace('ibex_core.', '')
    const short = object.replace(`${name}_`, '')
    if (['touch_updated_at', 'refuse_change', 'refuse_truncate'].includes(short)) own.push(object)
    else found[name] = found[name] === undefined ? short : `${found[name]} ${short}`
  }
  expect(found).toEqual(knownTriggers)
  expect(own.length).toBeGreaterThan(40)
})

function objectsOf(rule: CitusObjection['rule']): string[] {
  return objections.filter((objection) => objection.rule === rule).map(({ object }) => object)
}

describe('the rules refuse', () => {
  const plan: CitusPlan = {
    column: 'org_id',
    type: 'uuid',
    references: new Set(['scratch.everywhere', 'scratch.everywhere_too']),
    locals: new Set(['scratch.here']),
  }

  /** What a good schema has: each change below is made to it. */
  const good = `
    create schema scratch;
    create table scratch.here (org_id uuid, id uuid, primary key (org_id, id));
    create table scratch.everywhere (id uuid primary key, slug text unique);
    create table scratch.everywhere_too (id uuid primary key references scratch.everywhere (id) on delete set null);
    create table scratch.parents (
      org_id uuid references scratch.everywhere (id) on delete cascade, id uuid, slug text, number bigint generated always as identity,
      primary key (org_id, id), unique (org_id, slug)
    ) partition by hash (org_id);
    create table scratch.parents_p0 partition of scratch.parents for values with (modulus 1, remainder 0);
    create table scratch.children (
      org_id uuid not null, id uuid, parent_id uuid, slug text, place int4range,
      primary key (id, org_id), foreign key (org_id, parent_id) references scratch.parents (org_id, id) on delete cascade
    );
    create unique index children_slug on scratch.children (lower(slug), org_id) where slug <> '';
    create policy children_own on scratch.children using (org_id = current_setting('app.current_org_id')::uuid)`

  /** What is said after a change, which is taken back with the schema. */
  async function saidAfter(change: string): Promise<string[]> {
    let said: string[] = []
    const changed = database.admin.transaction().execute(async (trx) => {
      await sql.raw(`${good};${change}`).execute(trx)
      const found = citusObjections(await readCitusTables(trx, 'scratch'), plan)
      said = found.map(({ rule, table, object }) => `${rule}: ${table} ${object}`.trim())
      throw new Error('rolled back on purpose')
    })
    await expect(changed).rejects.toThrow('rolled back on purpose')
    return said
  }

  const child = 'alter table scratch.children'
  const parent = 'references scratch.parents (org_id, id)'
  const key = `${child} add constraint bad foreign key (org_id, parent_id) ${parent}`
  const touch = `create function scratch.touch() returns trigger language plpgsql as 'begin return new; end'`

  test.each<readonly [what: string, change: string, said: readonly string[]]>([
    ['nothing of a good schema', '', []],
    ['a table without the column', 'create table scratch.lost (id uuid)', ['distribution: scratch.lost']],
    [
      'a column of another type, which cannot be colocated',
      'create table scratch.lost (org_id text)',
      ['distribution: scratch.lost'],
    ],
    [
      'a column that is generated',
      'create table scratch.lost (id uuid, org_id uuid generated always as (id) stored)',
      ['distribution: scratch.lost'],
    ],
    [
      'partitions of partitions',
      `create table scratch.deep (org_id uuid) partition by hash (org_id);
       create table scratch.deep_0 partition of scratch.deep for values with (modulus 1, remainder 0) partition by hash (org_id);
       create table scratch.deep_00 partition of scratch.deep_0 for values with (modulus 1, remainder 0)`,
      ['levels: scratch.deep'],
    ],
    [
      'a primary key without the column',
      `${child} drop constraint children_pkey, add primary key (id)`,
      ['unique: scratch.children children_pkey'],
    ],
    [
      'a unique constraint without the column',
      `${child} add constraint bad unique (slug)`,
      ['unique: scratch.children bad'],
    ],
    [
      'a unique index that only includes the column',
      'create unique index bad on scratch.children (slug) include (org_id)',
      ['unique: scratch.children bad'],
    ],
    [
      'a unique index on a part of the rows',
      "create unique index bad on scratch.children (lower(slug)) where slug <> ''",
      ['unique: scratch.children bad'],
    ],
    [
      'an exclusion constraint without the column',
      `${child} add constraint bad exclude using gist (place with &&)`,
      ['unique: scratch.children bad'],
    ],
    [
      'a key of a reference table to a distributed one',
      'alter table scratch.everywhere add org_id uuid, add constraint bad foreign key (org_id, id) references scratch.parents (org_id, id)',
      ['key to a distributed table: scratch.everywhere bad'],
    ],
    [
      'a key that does not carry the column',
      `create table scratch.refers (org_id uuid, parent_org uuid, id uuid,
         constraint bad foreign key (parent_org, id) ${parent})`,
      ['key without the column: scratch.refers bad'],
    ],
    [
      'a key that pairs the column with another',
      `create table scratch.refers (org_id uuid, parent_org uuid, constraint bad foreign key (parent_org, org_id) ${parent})`,
      ['key without the column: scratch.refers bad'],
    ],
    [
      'a key to a table that stays on the coordinator',
      `${child} add constraint bad foreign key (org_id, id) references scratch.here (org_id, id)`,
      ['key without the column: scratch.children bad'],
    ],
    ['SET NULL of one column', `${key} on delete set null (parent_id)`, ['key action: scratch.children bad']],
    [
      'SET DEFAULT of one column',
      `${key} on delete set default (parent_id)`,
      ['key action: scratch.children bad'],
    ],
    ...['cascade', 'set null', 'set default'].map(
      (action) =>
        [
          `ON UPDATE ${action.toUpperCase()}`,
          `${key} on update ${action}`,
          ['key action: scratch.children bad'],
        ] as const,
    ),
    [
      'a sub-select in a policy',
      'create policy bad on scratch.children using (org_id = (select gen_random_uuid()))',
      ['policy: scratch.children bad'],
    ],
    [
      'a sub-select in what a policy checks, of a reference table',
      'create policy bad on scratch.everywhere for insert with check (exists (select from scratch.here))',
      ['policy: scratch.everywhere bad'],
    ],
    [
      'triggers, of a distributed table and of a reference table',
      `${touch}; create trigger bad before update on scratch.children for each row execute function scratch.touch();
       create trigger bad before update on scratch.everywhere for each row execute function scratch.touch()`,
      ['trigger: scratch.children bad', 'trigger: scratch.everywhere bad'],
    ],
    [
      'sequences that are no bigint',
      `${child} add bad serial, add worse smallint generated by default as identity, add fine bigserial`,
      ['sequence: scratch.children bad', 'sequence: scratch.children worse'],
    ],
  ])('%s', async (_, change, said) => {
    expect(await saidAfter(change)).toEqual(said)
  })
})
