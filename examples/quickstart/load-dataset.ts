/** Stores a dataset: organizations, people, and what they said. */
import type { BulkMemoryInput, Database, Embedder, TenantScope, TenantTransaction } from '../../src/index.ts'
import { deterministicId } from './deterministic-id.ts'
import { sumOutcomes, type Outcomes } from './outcomes.ts'
import type { Dataset, Organization, Person } from './people.ts'

/** How many people are stored in one transaction; each says a handful. */
const batchSize = 50

/**
 * From which similarity on two statements are near, for the lexical embedder, which sees letters and no meaning.
 *
 * A merge of two different facts is worse than a missed one, and with the default, 0.92, supplies ordered on the first day of
 * the month and on the last are one fact (0.920). From 0.99 on all words are the same, in whatever case and punctuation.
 * From 0.8 on mostly one word differs: "I am 13 years old." and "I am 24 years old." (0.846). Below are facts that can
 * both be true, "I am a woman." and "I am a 56 year old woman." (0.783), and what waits for a review is not found meanwhile.
 */
const thresholds = { duplicateThreshold: 0.99, conflictThreshold: 0.8 }

/** What became of one organization's statements. */
export interface OrganizationReport {
  readonly organization: Organization
  readonly people: number
  readonly outcomes: Outcomes
}

/** What is reported while a dataset is loaded, and with which embedder it is. */
export interface LoadOptions {
  readonly embedder: Embedder<384>
  /** Called with the number of statements of each batch that was stored. */
  readonly onProgress: (statements: number) => void
}

/**
 * Loads a dataset: a user and an agent for every person, a memory for every statement.
 *
 * Every id is made from the names in the dataset, so loading twice finds all rows in place and creates nothing. What
 * a person says again is not stored again, and what contradicts it waits for a review; what two people say is kept for each of
 * them. Each batch is stored in one transaction; when one fails, running again continues where it stopped.
 */
export async function loadDataset(
  database: Database,
  dataset: Dataset,
  options: LoadOptions,
): Promise<readonly OrganizationReport[]> {
  await insertOrganizations(database, dataset.organizations)
  const loaders = new Map<string, OrganizationLoader>()
  for (const organization of dataset.organizations) {
    const tenant = scopeOf(database, organization)
    const { model: name, dimension } = options.embedder
    await tenant.embeddingModels.set({ name, dimension, ...thresholds })
    loaders.set(organization.slug, new OrganizationLoader(tenant, organization, options))
  }
  for await (const person of dataset.read()) await loaders.get(person.organization)?.add(person)
  const reports: OrganizationReport[] = []
  for (const loader of loaders.values()) reports.push(await loader.finish())
  return reports
}

/** The id under which a dataset's organization is stored. */
export function organizationId({ slug }: Organization): string {
  return deterministicId('organization', slug)
}

/** Everything that the quickstart does as an organization. */
export function scopeOf(database: Database, organization: Organization): TenantScope {
  return database.forTenant(organizationId(organization), { actor: { type: 'system', id: 'quickstart' } })
}

async function insertOrganizations(
  database: Database,
  organizations: readonly Organization[],
): Promise<void> {
  const rows = organizations.map((organization) => ({ ...organization, id: organizationId(organization) }))
  await database.asSystem('create the organizations of the quickstart', async (system) => {
    await system.db
      .insertInto('ibex_core.organizations')
      .values(rows)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  })
}

/** Collects one organization's people and stores them batch by batch. */
class OrganizationLoader {
  readonly #tenant: TenantScope
  readonly #organization: Organization
  readonly #options: LoadOptions
  #outcomes = sumOutcomes([])
  #waiting: Person[] = []
  #people = 0

  constructor(tenant: TenantScope, organization: Organization, options: LoadOptions) {
    this.#tenant = tenant
    this.#organization = organization
    this.#options = options
  }

  async add(person: Person): Promise<void> {
    this.#waiting.push(person)
    if (this.#waiting.length >= batchSize) await this.#store()
  }

  async finish(): Promise<OrganizationReport> {
    await this.#store()
    return { organization: this.#organization, people: this.#people, outcomes: this.#outcomes }
  }

  async #store(): Promise<void> {
    const people = this.#waiting
    if (people.length === 0) return
    this.#waiting = []
    const { embedder, onProgress } = this.#options
    const { rows, outcomes } = await this.#tenant.transaction(async (trx) => {
      await insertPeople(trx, people)
      return await trx.memories.addMany(people.flatMap(memoriesOf), { embedder, onNearDuplicate: 'merge' })
    })
    this.#outcomes = sumOutcomes([this.#outcomes, outcomes])
    this.#people += people.length
    onProgress(rows)
  }
}

function memoriesOf(person: Person): BulkMemoryInput[] {
  const { agentId, userId } = idsOf(person)
  return person.statements.map((content) => ({
    agentId,
    userId,
    content,
    subject: person.name,
    category: 'identity',
    source: 'imported',
  }))
}

async function insertPeople({ db }: TenantTransaction, people: readonly Person[]): Promise<void> {
  const named = people.map((person) => ({ ...person, ...idsOf(person) }))
  await db
    .insertInto('ibex_core.users')
    .values(
      named.map(({ userId, key, name, organization }) => ({
        id: userId,
        name,
        username: key,
        email: `${key}@${organization}.example`,
      })),
    )
    .onConflict((conflict) => conflict.columns(['org_id', 'id']).doNothing())
    .execute()
  await db
    .insertInto('ibex_core.agents')
    .values(
      named.map(({ agentId, userId, key, name }) => ({
        id: agentId,
        created_by: userId,
        slug: key,
        name: `${name}'s agent`,
        status: 'active' as const,
      })),
    )
    .onConflict((conflict) => conflict.columns(['org_id', 'id']).doNothing())
    .execute()
}

function idsOf({ organization, key }: Person): { userId: string; agentId: string } {
  return {
    userId: deterministicId('user', organization, key),
    agentId: deterministicId('agent', organization, key),
  }
}
