/** Stores a dataset: organizations, people, and what they said. */
import type { Embedder } from '../../src/embedding/embedder.ts'
import type { Database, TenantScope } from '../../src/index.ts'
import { deterministicId } from './deterministic-id.ts'
import type { Dataset, Organization, Person } from './people.ts'

/** How many statements are embedded and inserted at once. */
const batchSize = 250

/** What became of one organization's statements. */
export interface OrganizationReport {
  readonly organization: Organization
  readonly people: number
  readonly created: number
  readonly duplicate: number
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
 * Every id is made from the names in the dataset, so loading twice finds all rows in place and creates nothing. Each
 * batch is stored in one transaction; when one fails, running again continues where it stopped.
 */
export async function loadDataset(
  database: Database,
  dataset: Dataset,
  options: LoadOptions,
): Promise<readonly OrganizationReport[]> {
  await insertOrganizations(database, dataset.organizations)
  const loaders = new Map(
    dataset.organizations.map((organization) => [
      organization.slug,
      new OrganizationLoader(database, organization, options),
    ]),
  )
  for await (const person of dataset.read()) await loaders.get(person.organization)?.add(person)
  const reports: OrganizationReport[] = []
  for (const loader of loaders.values()) reports.push(await loader.finish())
  return reports
}

/** The id under which a dataset's organization is stored. */
export function organizationId({ slug }: Organization): string {
  return deterministicId('organization', slug)
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
  readonly #options: LoadOptions
  readonly #report: { organization: Organization; people: number; created: number; duplicate: number }
  #people: Person[] = []
  #statements = 0

  constructor(database: Database, organization: Organization, options: LoadOptions) {
    this.#tenant = database.forTenant(organizationId(organization), {
      actor: { type: 'system', id: 'quickstart' },
    })
    this.#options = options
    this.#report = { organization, people: 0, created: 0, duplicate: 0 }
  }

  async add(person: Person): Promise<void> {
    this.#people.push(person)
    this.#statements += person.statements.length
    if (this.#statements >= batchSize) await this.#store()
  }

  async finish(): Promise<OrganizationReport> {
    await this.#store()
    return this.#report
  }

  async #store(): Promise<void> {
    const people = this.#people
    if (people.length === 0) return
    this.#people = []
    this.#statements = 0
    const memories = await this.#memoriesOf(people)
    const results = await this.#tenant.transaction(async (trx) => {
      await insertPeople(trx.db, people)
      return await trx.memories.add(memories)
    })
    const created = results.filter(({ outcome }) => outcome === 'created').length
    this.#report.people += people.length
    this.#report.created += created
    this.#report.duplicate += results.length - created
    this.#options.onProgress(results.length)
  }

  async #memoriesOf(people: readonly Person[]) {
    const { embedder } = this.#options
    const statements = people.flatMap((person) =>
      person.statements.map((content) => ({ content, subject: person.name, ids: idsOf(person) })),
    )
    const embeddings = await embedder.embed(statements.map(({ content }) => content))
    return statements.map(({ content, subject, ids: { agentId, userId } }, index) => ({
      agentId,
      userId,
      content,
      subject,
      embedding: embeddings[index] ?? [],
      embeddingModel: embedder.model,
      category: 'identity' as const,
      source: 'imported' as const,
    }))
  }
}

async function insertPeople(db: TenantScope['db'], people: readonly Person[]): Promise<void> {
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
