/** A user's own tables beside this package's: related to each other, and to a catalogue that all tenants share. */
import { type ColumnType, type Generated, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { TableDefinition } from '../../src/repository/table-definition.ts'
import type { Scope } from '../../src/tenancy/scope.ts'
import type { Agent } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertAgent } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { type NotesDB, createNotes, notes } from './notes.ts'

interface Vendors {
  id: Generated<string>
  name: string
  deleted_at: ColumnType<Date | null, Date | null | undefined>
}

interface Models {
  code: string
  vendor_id: string
  context_window: ColumnType<string, string | number>
}

/** The user's database: their notes, and a catalogue whose one table has an id and whose other has a code. */
interface CatalogueDB extends NotesDB {
  'public.vendors': Vendors
  'public.models': Models
}

const shared = { tenantColumn: null, generatedColumns: [], nullableColumns: [] } as const

const vendors = {
  ...shared,
  name: 'public.vendors',
  columns: { id: 'uuid', name: 'text', deleted_at: 'timestamp with time zone' },
  primaryKey: ['id'],
  softDeleteColumn: 'deleted_at',
} as const satisfies TableDefinition

const models = {
  ...shared,
  name: 'public.models',
  columns: { code: 'text', vendor_id: 'uuid', context_window: 'bigint' },
  primaryKey: ['code'],
  softDeleteColumn: null,
} as const satisfies TableDefinition

class NoteRepository extends BaseRepository<CatalogueDB, 'public.notes'> {
  constructor(scope: Scope<CatalogueDB>) {
    super(scope, notes)
  }

  /** A note by its title, with the agent that wrote it; the type says so without being told. */
  async findWithAgent(
    title: string,
  ): Promise<{ readonly title: string; readonly agent: Agent | null } | undefined> {
    return await this.findOne(
      { title },
      { related: ({ one }) => ({ agent: one(tables['ibex_core.agents'], 'agent_id') }) },
    )
  }
}

let tenants: TwoTenants<CatalogueDB>
let mine: NoteRepository
let agent: Agent

beforeAll(async () => {
  tenants = await openTwoTenants<CatalogueDB>()
  mine = new NoteRepository(tenants.mine)
  await createNotes(tenants.admin)
  await sql`create table public.vendors (id uuid primary key default gen_random_uuid(), name text not null,
    deleted_at timestamptz)`.execute(tenants.admin)
  await sql`create table public.models (code text primary key, vendor_id uuid not null references public.vendors,
    context_window bigint not null)`.execute(tenants.admin)
  await sql`grant select on public.vendors, public.models to ibex_app`.execute(tenants.admin)
  await sql`with vendor as (
      insert into public.vendors (name, deleted_at) values ('Acme', null), ('Gone', now()) returning id, name
    ) insert into public.models select lower(name), id, 9007199254740993 from vendor`.execute(tenants.admin)
  for (const scope of [tenants.mine, tenants.theirs]) {
    const written = await insertAgent(tenants.test.admin, {
      org_id: scope.orgId,
      name: 'acme',
      tagline: 'gone',
    })
    const repository = new NoteRepository(scope)
    await repository.insertMany([{ title: 'Plan', agent_id: written.id }, { title: 'Draft' }])
    if (scope === tenants.mine) agent = written
  }
})

afterAll(async () => {
  await tenants.close()
})

test('relates a table of a user to one of this package, and that one to the table of the user', async () => {
  const [draft, plan] = await mine.find({ orderBy: { title: 'asc' } })
  expect(await mine.findWithAgent('Plan')).toStrictEqual({ ...plan, agent })
  expect(await mine.findWithAgent('Draft')).toStrictEqual({ ...draft, agent: null })

  const agents = new BaseRepository<CatalogueDB, 'ibex_core.agents'>(tenants.mine, tables['ibex_core.agents'])
  const found = await agents.findById(agent.id, {
    related: ({ many }) => ({ notes: many(notes, 'agent_id') }),
  })
  expect(found).toStrictEqual({ ...agent, notes: [plan] })
  const undone = tenants.mine.transaction(async (trx) => {
    const notesOfAgent = new NoteRepository(trx)
    await notesOfAgent.insert({ title: 'New', agent_id: agent.id })
    expect(await notesOfAgent.findWithAgent('New')).toMatchObject({ title: 'New', agent })
    throw new Error('changed my mind')
  })
  await expect(undone).rejects.toThrow('changed my mind')
})

test('relates shared tables to each other, without a tenant in the statement', async () => {
  const repository = new BaseRepository<CatalogueDB, 'public.vendors'>(tenants.mine, vendors)
  const found = await repository.find({
    includeDeleted: true,
    orderBy: { name: 'asc' },
    related: ({ many }) => ({
      models: many(models, 'vendor_id', {
        columns: ['code', 'context_window'],
        related: ({ one }) => ({ vendor: one(vendors, 'vendor_id', { columns: ['name'] }) }),
      }),
    }),
  })
  expect(tenants.statements.at(-1)).not.toContain('org_id')
  const contextWindow = { context_window: '9007199254740993' }
  expect(found.map((vendor) => vendor.models)).toEqual([
    [{ code: 'acme', ...contextWindow, vendor: { name: 'Acme' } }],
    [{ code: 'gone', ...contextWindow, vendor: null }],
  ])
})

test("relates a tenant's rows to shared ones by a key that is no id, and shared rows to the tenant's only", async () => {
  const agents = new BaseRepository<CatalogueDB, 'ibex_core.agents'>(tenants.mine, tables['ibex_core.agents'])
  const found = await agents.findByIdOrThrow(agent.id, {
    related: ({ one }) => ({
      byName: one(models, 'name'),
      byTagline: one(models, 'tagline'),
      none: one(models, 'slug'),
    }),
  })
  expect([found.byName?.code, found.byTagline?.code, found.none]).toEqual(['acme', 'gone', null])

  const shared = new BaseRepository<CatalogueDB, 'public.models'>(tenants.mine, models)
  const acme = await shared.findById(
    { code: 'acme' },
    { related: ({ many }) => ({ agents: many(tables['ibex_core.agents'], 'name') }) },
  )
  expect(acme?.agents).toStrictEqual([agent])
})
