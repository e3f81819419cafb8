import { expectTypeOf } from 'vitest'
import type { BaseRepository } from '../../src/repository/base-repository.ts'
import type {
  FindOptions,
  NoColumns,
  Picked,
  Relation,
  RowWith,
  TableOf,
} from '../../src/repository/row-types.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { Vector } from '../../src/vector/vector.ts'
import type { Agent, Checkpoint, DB, Memory, MemoryTag, Session, User } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'

declare const tenant: TenantScope

const agents = tables['ibex_core.agents']
const checkpoints = tables['ibex_core.checkpoints']
const memories = tables['ibex_core.memories']
const sessions = tables['ibex_core.sessions']
const users = tables['ibex_core.users']

// the helpers, with what is not there and with everything
expectTypeOf<RowWith<Agent, never>>().toEqualTypeOf<Agent>()
expectTypeOf<RowWith<{ id: string }, { readonly agent: Relation<Agent | null> }>>().toEqualTypeOf<
  { id: string } & { readonly agent: Agent | null }
>()
expectTypeOf<Picked<DB, 'ibex_core.memory_tags', keyof MemoryTag>>().toEqualTypeOf<MemoryTag>()
expectTypeOf<Picked<DB, 'ibex_core.memory_tags', 'tag'>>().toEqualTypeOf<{ tag: string }>()
expectTypeOf<NoColumns<DB, 'ibex_core.memory_tags'>>().toEqualTypeOf<{
  readonly org_id?: never
  readonly memory_id?: never
  readonly tag?: never
  readonly created_at?: never
  readonly updated_at?: never
}>()

// a read without related rows gives the plain row
declare const plainOptions: FindOptions<DB, 'ibex_core.sessions'>
expectTypeOf(tenant.sessions.find()).resolves.toEqualTypeOf<Session[]>()
expectTypeOf(tenant.sessions.find({ where: { status: 'active' } })).resolves.toEqualTypeOf<Session[]>()
expectTypeOf(tenant.sessions.find(plainOptions)).resolves.toEqualTypeOf<Session[]>()
expectTypeOf(tenant.sessions.find({ related: undefined })).resolves.toEqualTypeOf<Session[]>()

// the row and exactly what was asked for, at every depth
const rows = await tenant.sessions.find({
  where: (eb) => eb('turn_count', '>', 1),
  related: ({ many, one }) => ({
    checkpoints: many(checkpoints, 'session_id', {
      where: { turn_index: [1, 2] },
      orderBy: { turn_index: 'desc' },
      limit: 20,
    }),
    agent: one(agents, 'agent_id', {
      related: ({ one, many }) => ({
        creator: one(users, 'created_by'),
        sessions: many(sessions, 'agent_id', { where: (eb) => eb('title', 'is not', null) }),
      }),
    }),
  }),
})
type AgentWithMore = Agent & { readonly creator: User | null; readonly sessions: readonly Session[] }
expectTypeOf(rows).toEqualTypeOf<
  (Session & { readonly checkpoints: readonly Checkpoint[]; readonly agent: AgentWithMore | null })[]
>()
expectTypeOf(rows[0]?.checkpoints[0]?.created_at).toEqualTypeOf<Date | undefined>()
expectTypeOf(rows[0]?.agent?.total_tokens_used).toEqualTypeOf<string | undefined>()
expectTypeOf(rows[0]?.agent?.creator?.email).toEqualTypeOf<string | undefined>()

// the columns that were asked for
const few = await tenant.sessions.findByIdOrThrow('id', {
  related: ({ many }) => ({
    memories: many(memories, 'session_id', {
      columns: ['id', 'embedding'],
      related: ({ one }) => ({ newer: one(memories, 'superseded_by', { columns: ['category'] }) }),
    }),
  }),
})
expectTypeOf<(typeof few)['memories']>().toEqualTypeOf<
  readonly ({ id: string; embedding: Vector<384> } & {
    readonly newer: { category: Memory['category'] } | null
  })[]
>()

// the other reads
type WithAgent = Session & { readonly agent: Agent | null }
expectTypeOf(
  tenant.sessions.findById('id', { related: ({ one }) => ({ agent: one(agents, 'agent_id') }) }),
).resolves.toEqualTypeOf<WithAgent | undefined>()
expectTypeOf(
  tenant.sessions.findOne({}, { related: ({ one }) => ({ agent: one(agents, 'agent_id') }) }),
).resolves.toEqualTypeOf<WithAgent | undefined>()
const page = await tenant.sessions.findPage({ related: ({ one }) => ({ agent: one(agents, 'agent_id') }) })
expectTypeOf(page.rows).toEqualTypeOf<readonly WithAgent[]>()

// a table that is a type parameter still gives its rows
async function first<TB extends TableOf<DB>>(repository: BaseRepository<DB, TB>): Promise<unknown> {
  const [row] = await repository.find({ limit: 1 })
  return row
}

// @ts-expect-error no such column in the child
void tenant.sessions.find({ related: ({ many }) => ({ x: many(agents, 'session_id') }) })
// @ts-expect-error no such column in the row
void tenant.sessions.find({ related: ({ one }) => ({ x: one(agents, 'created_by') }) })
// @ts-expect-error a row has a title already
void tenant.sessions.find({ related: ({ one }) => ({ title: one(agents, 'agent_id') }) })
// @ts-expect-error made by nobody
void tenant.sessions.find({ related: () => ({ agent: null }) })
void tenant.agents.find({
  // @ts-expect-error not in the list of the CHECK
  related: ({ many }) => ({ x: many(sessions, 'agent_id', { where: { status: 'x' } }) }),
})
void tenant.agents.find({
  // @ts-expect-error no such column to order by
  related: ({ many }) => ({ x: many(sessions, 'agent_id', { orderBy: { nmae: 'asc' } }) }),
})
void tenant.agents.find({
  // @ts-expect-error no such column to select
  related: ({ many }) => ({ x: many(sessions, 'agent_id', { columns: ['nmae'] }) }),
})
// @ts-expect-error there is one row at most
void tenant.sessions.find({ related: ({ one }) => ({ x: one(agents, 'agent_id', { limit: 1 }) }) })
// @ts-expect-error a definition, not a name
void tenant.sessions.find({ related: ({ one }) => ({ x: one('ibex_core.agents', 'agent_id') }) })
// @ts-expect-error what was not asked for is not there
void rows[0]?.agent?.checkpoints
// @ts-expect-error nor is a column that was not
void few.memories[0]?.content
// @ts-expect-error related rows are read, not changed
rows[0]?.checkpoints.push()

export { first }
