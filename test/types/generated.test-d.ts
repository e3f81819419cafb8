import type { Insertable, Selectable, Updateable } from 'kysely'
import { expectTypeOf } from 'vitest'
import type {
  AgentBoundaries,
  AgentMemoryConfig,
  AgentModelConfig,
  AgentPersonality,
} from '../../src/agents/agent-config.ts'
import type { Vector } from '../../src/vector/vector.ts'
import type {
  Agent,
  AgentPatch,
  DB,
  DirectiveVersion,
  JsonObject,
  JsonText,
  Memory,
  MemoryCategory,
  MemoryPatch,
  MemoryUsage,
  NewMemory,
  NewOrganization,
  OrganizationPatch,
  Organization,
  Session,
  Token,
} from '../../types/database.d.ts'
import type { tables } from '../../types/tables.ts'

declare const embedding: Vector<384>
declare const otherEmbedding: Vector<1536>

// row types are the host's own views of the table
expectTypeOf<Memory>().toEqualTypeOf<Selectable<DB['ibex_core.memories']>>()
expectTypeOf<NewMemory>().toEqualTypeOf<Insertable<DB['ibex_core.memories']>>()
expectTypeOf<MemoryPatch>().toEqualTypeOf<Updateable<DB['ibex_core.memories']>>()
expectTypeOf<DirectiveVersion>().toEqualTypeOf<Selectable<DB['ibex_core.directive_versions']>>()
expectTypeOf<MemoryUsage>().toEqualTypeOf<Selectable<DB['ibex_core.memory_usage']>>()

// a CHECK list is a union
expectTypeOf<Memory['category']>().toEqualTypeOf<
  'behavioral' | 'episodic' | 'factual' | 'identity' | 'preference' | 'procedural'
>()
expectTypeOf<Memory['category']>().toEqualTypeOf<MemoryCategory>()
expectTypeOf<Session['status']>().toEqualTypeOf<'abandoned' | 'active' | 'completed' | 'error' | 'idle'>()
// a range is none
expectTypeOf<Memory['importance']>().toEqualTypeOf<number>()

// values as they arrive
expectTypeOf<Memory['embedding']>().toEqualTypeOf<Vector<384>>()
expectTypeOf<Memory['search_vector']>().toEqualTypeOf<string>()
expectTypeOf<Memory['confidence']>().toEqualTypeOf<number>()
expectTypeOf<Memory['metadata']>().toEqualTypeOf<JsonObject>()
expectTypeOf<Memory['source_message_ids']>().toEqualTypeOf<string[]>()
expectTypeOf<Memory['created_at']>().toEqualTypeOf<Date>()
expectTypeOf<Memory['expires_at']>().toEqualTypeOf<Date | null>()
expectTypeOf<Organization['billing_cycle_anchor']>().toEqualTypeOf<string | null>()
expectTypeOf<Token['use_count']>().toEqualTypeOf<string>()
expectTypeOf<Token['last_used_ip']>().toEqualTypeOf<string | null>()

// JSON of a known shape
expectTypeOf<Agent['model_config']>().toEqualTypeOf<AgentModelConfig>()
expectTypeOf<Agent['memory_config']>().toEqualTypeOf<AgentMemoryConfig>()
expectTypeOf<Agent['boundaries']>().toEqualTypeOf<AgentBoundaries>()
expectTypeOf<Agent['personality']>().toEqualTypeOf<AgentPersonality>()

// an insert needs what has no default, and only that
const memory: NewMemory = { content: 'text', content_hash: 'hash', category: 'factual', embedding }
const organization: NewOrganization = { name: 'Ibex', slug: 'ibex' }
const dated: MemoryPatch = {
  expires_at: '2026-01-01T00:00:00Z',
  tier: 'cold',
  source_message_ids: [] as const,
}

// @ts-expect-error content has no default
const empty: NewMemory = { content_hash: 'hash', category: 'factual', embedding }
// @ts-expect-error not in the list of the CHECK
const category: NewMemory = { ...memory, category: 'rumour' }
// @ts-expect-error of another model's dimension
const dimension: NewMemory = { ...memory, embedding: otherEmbedding }
// @ts-expect-error plain numbers were never checked for their dimension
const numbers: NewMemory = { ...memory, embedding: [1, 2, 3] }
// @ts-expect-error generated: not in an insert
const generated: NewMemory = { ...memory, search_vector: 'text' }
// @ts-expect-error generated: not in an update
const regenerated: MemoryPatch = { search_vector: 'text' }
// @ts-expect-error a row never changes its tenant
const moved: MemoryPatch = { org_id: 'other' }
// @ts-expect-error nor its id
const renamed: MemoryPatch = { id: 'other' }
// @ts-expect-error the tenant of an organization is its id
const renamedTenant: OrganizationPatch = { id: 'other' }
// @ts-expect-error pg would write a PostgreSQL array, which is no JSON
const arrayAsJson: MemoryPatch = { metadata: [1, 2] }
// @ts-expect-error the CHECK wants an object
const textAsJson: MemoryPatch = { metadata: '[]' as JsonText }
// @ts-expect-error a whole object: a key is missing
const incomplete: AgentPatch = { boundaries: { max_autonomy: 'execute' } }
// @ts-expect-error misspelt
const misspelt: AgentPatch = { personality: { tome: 'dry' } }
// @ts-expect-error a Date is a moment, a date is a day
const anchor: OrganizationPatch = { billing_cycle_anchor: new Date() }

// the manifest knows the same tables as the types
expectTypeOf<keyof typeof tables>().toEqualTypeOf<keyof DB>()
expectTypeOf<(typeof tables)['ibex_core.memories']['tenantColumn']>().toEqualTypeOf<'org_id'>()
expectTypeOf<(typeof tables)['ibex_core.organizations']['tenantColumn']>().toEqualTypeOf<'id'>()
expectTypeOf<(typeof tables)['ibex_core.memories']['columns']['embedding']>().toEqualTypeOf<'vector(384)'>()

export {
  anchor,
  arrayAsJson,
  category,
  dated,
  dimension,
  empty,
  generated,
  incomplete,
  misspelt,
  moved,
  numbers,
  organization,
  regenerated,
  renamed,
  renamedTenant,
  textAsJson,
}
