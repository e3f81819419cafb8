/** Rows with defaults for everything that a test is not about, written by the admin: no tenant, no repository. */
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import type { Vector } from '../../src/vector/vector.ts'
import type {
  Agent,
  DB,
  Memory,
  NewAgent,
  NewMemory,
  NewOrganization,
  NewProduct,
  NewProject,
  NewPromptTemplate,
  NewRole,
  NewSession,
  NewTeam,
  NewUser,
  Organization,
  Product,
  Project,
  PromptTemplate,
  Role,
  Session,
  Team,
  User,
} from '../../types/database.d.ts'

/** A row's values as a test gives them: the tenant, and whatever the test is about. */
type Given<N> = Partial<N> & { readonly org_id: string }

// keys that are unique per tenant are counted, not random: two tenants then have the same ones, as they may.
const counts = new Map<string, number>()

/** Inserts an active organization. */
export async function insertOrganization(
  admin: Kysely<DB>,
  values: Partial<NewOrganization> = {},
): Promise<Organization> {
  const slug = `org-${randomUUID()}`
  return await admin
    .insertInto('ibex_core.organizations')
    .values({ name: 'An organization', slug, ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts a member. */
export async function insertUser(admin: Kysely<DB>, values: Given<NewUser>): Promise<User> {
  const email = `user-${next('user', values.org_id)}@example.com`
  return await admin
    .insertInto('ibex_core.users')
    .values({ email, ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts an active agent. */
export async function insertAgent(admin: Kysely<DB>, values: Given<NewAgent>): Promise<Agent> {
  const slug = `agent-${next('agent', values.org_id)}`
  return await admin
    .insertInto('ibex_core.agents')
    .values({ name: 'An agent', slug, status: 'active', ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts a role. */
export async function insertRole(admin: Kysely<DB>, values: Given<NewRole>): Promise<Role> {
  const name = `Role ${next('role', values.org_id)}`
  return await admin
    .insertInto('ibex_core.roles')
    .values({ name, ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts a prompt template, of a new role when none is given. */
export async function insertPromptTemplate(
  admin: Kysely<DB>,
  values: Given<NewPromptTemplate>,
): Promise<PromptTemplate> {
  const roleId = values.role_id ?? (await insertRole(admin, { org_id: values.org_id })).id
  const name = `Template ${next('template', values.org_id)}`
  return await admin
    .insertInto('ibex_core.prompt_templates')
    .values({ name, content: 'You are kind.', ...values, role_id: roleId })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts an active session, of a new agent when none is given. */
export async function insertSession(admin: Kysely<DB>, values: Given<NewSession>): Promise<Session> {
  const agentId = values.agent_id ?? (await insertAgent(admin, { org_id: values.org_id })).id
  return await admin
    .insertInto('ibex_core.sessions')
    .values({ ...values, agent_id: agentId })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts a team, of a new user when no owner is given; a trigger makes the owner a member. */
export async function insertTeam(admin: Kysely<DB>, values: Given<NewTeam>): Promise<Team> {
  const ownerId = values.owner_id ?? (await insertUser(admin, { org_id: values.org_id })).id
  return await admin
    .insertInto('ibex_core.teams')
    .values({ name: 'A team', slug: `team-${next('team', values.org_id)}`, ...values, owner_id: ownerId })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts a project. */
export async function insertProject(admin: Kysely<DB>, values: Given<NewProject>): Promise<Project> {
  const number = next('project', values.org_id)
  return await admin
    .insertInto('ibex_core.projects')
    .values({ name: `Project ${number}`, slug: `project-${number}`, ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts a published product, ten of which are there. */
export async function insertProduct(admin: Kysely<DB>, values: Given<NewProduct>): Promise<Product> {
  const sku = `sku-${next('product', values.org_id)}`
  return await admin
    .insertInto('ibex_core.products')
    .values({ sku, name: 'A product', price: '9.90', inventory_quantity: 10, status: 'published', ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Inserts an active memory, shared by the whole organization when no agent is given, embedded by its content. */
export async function insertMemory(admin: Kysely<DB>, values: Given<NewMemory>): Promise<Memory> {
  const content = values.content ?? `The user likes number ${next('memory', values.org_id)}.`
  const embedding = values.embedding ?? (await embed(content))
  return await admin
    .insertInto('ibex_core.memories')
    .values({
      content_hash: contentHash(content),
      category: 'preference',
      ...values,
      content,
      // pg, which the admin speaks through, would send a Float32Array as raw bytes
      embedding: sql<Vector<384>>`${embedding.toPostgres()}`,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

async function embed(content: string): Promise<Vector<384>> {
  const [embedding] = await lexicalEmbedder.embed([content])
  if (embedding === undefined) throw new Error('the embedder returned nothing')
  return embedding
}

function next(kind: string, orgId: string): number {
  const key = `${kind} ${orgId}`
  const count = (counts.get(key) ?? 0) + 1
  counts.set(key, count)
  return count
}
