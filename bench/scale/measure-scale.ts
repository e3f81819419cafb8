/** Measures all data sets in turn, query by query, so that whatever else the machine does hits all alike. */
import pg from 'pg'
import { createDatabase } from '../../src/create-database.ts'
import type { Database } from '../../src/create-database.ts'
import { urlOfDatabase } from '../../test/support/template-server.ts'
import { seededRandom } from '../memory/memory-data.ts'
import { planTenants } from './scale-plan.ts'
import type { PlannedTenant, ScalePlan } from './scale-plan.ts'
import { orgIdOf, TenantRows, zipfWord } from './tenant-rows.ts'

/** What is measured of a tenant. */
export const operations = ['nearest', 'text', 'read', 'page'] as const

/** One of them. */
export type Operation = (typeof operations)[number]

/** What one tenant of one data set gave. */
export interface TenantSamples {
  readonly dataSet: number
  readonly rows: number
  /** One of the tenants that all data sets hold; otherwise the largest one. */
  readonly isProbe: boolean
  /** The share of the ten nearest that was found, one for each question. */
  readonly recall: readonly number[]
  readonly fewestHits: number
  /** Milliseconds of comparing all vectors, by a superuser. */
  readonly exact: readonly number[]
  /** Milliseconds by round. */
  readonly times: Readonly<Record<Operation, readonly number[]>>
}

/** Tells how far the measuring is. */
export interface MeasureProgress {
  start(phase: string, total: number): void
  update(done: number): void
  stop(): void
}

const limit = 10
const pageSize = 20
const questionCount = 100

/**
 * Searches, reads and pages in the probes and in the largest tenant of each data set.
 *
 * @throws when a search that has enough memories gives fewer than the limit, or an answer is not the expected one.
 */
export async function measureScale(
  serverUrl: string,
  plan: ScalePlan,
  progress: MeasureProgress,
): Promise<TenantSamples[]> {
  await using stack = new AsyncDisposableStack()
  const subjects: Subject[] = []
  for (const [dataSet, planned] of plan.dataSets.entries()) {
    const url = urlOfDatabase(serverUrl, planned.name)
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    stack.defer(async () => await client.end())
    const database = stack.use(createDatabase({ url, poolSize: 1 }))
    const tenants = planTenants(planned, plan.probes).slice(0, plan.probes.length + 1)
    for (const [index, tenant] of tenants.entries())
      subjects.push(
        new Subject({ dataSet, tenant, client, database, isProbe: index < plan.probes.length, plan }),
      )
  }
  await askEverything(subjects, progress)
  await takeTurns(subjects, plan.rounds, progress)
  return subjects.map((subject) => subject.samples)
}

/** The recall; and whatever is asked later has been read once. */
async function askEverything(subjects: readonly Subject[], progress: MeasureProgress): Promise<void> {
  progress.start('recall', subjects.length)
  for (const [done, subject] of subjects.entries()) {
    for (let question = 0; question < questionCount; question++) await subject.measureRecall(question)
    progress.update(done + 1)
  }
  progress.stop()
}

const warmUp = 6

async function takeTurns(
  subjects: readonly Subject[],
  rounds: number,
  progress: MeasureProgress,
): Promise<void> {
  const random = seededRandom(rounds)
  const turns = subjects.flatMap((subject) => operations.map((operation) => ({ subject, operation })))
  progress.start('latency', rounds + warmUp)
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const { subject, operation } of shuffled(turns, random))
      await subject.measure(operation, round, round >= warmUp)
    progress.update(round + 1)
  }
  progress.stop()
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

interface SubjectOptions {
  readonly dataSet: number
  readonly tenant: PlannedTenant
  readonly client: pg.Client
  readonly database: Database
  readonly isProbe: boolean
  readonly plan: ScalePlan
}

/** One tenant of one data set, asked through the library. */
class Subject {
  readonly #options: SubjectOptions
  readonly #scope: ReturnType<Database['forTenant']>
  readonly #rows: TenantRows
  readonly #questions: readonly Float32Array[]
  readonly #texts: readonly string[]
  readonly #recall: number[] = []
  readonly #exact: number[] = []
  readonly #times: Record<Operation, number[]> = { nearest: [], text: [], read: [], page: [] }
  #fewestHits = limit

  constructor(options: SubjectOptions) {
    this.#options = options
    this.#scope = options.database.forTenant(orgIdOf(options.tenant))
    this.#rows = new TenantRows(options.tenant)
    this.#questions = this.#rows.questions(questionCount)
    const random = seededRandom(options.tenant.rows)
    this.#texts = this.#questions.map(
      () => `What did the user say of ${zipfWord(random)} and ${zipfWord(random)}?`,
    )
  }

  get samples(): TenantSamples {
    const { dataSet, tenant, isProbe } = this.#options
    return {
      dataSet,
      rows: tenant.rows,
      isProbe,
      recall: this.#recall,
      fewestHits: this.#fewestHits,
      exact: this.#exact,
      times: this.#times,
    }
  }

  async measureRecall(question: number): Promise<void> {
    const embedding = this.#questions[question] ?? new Float32Array()
    const started = performance.now()
    // the sum keeps the planner from the index
    const { rows } = await this.#options.client.query<{ id: string }>(
      `select id from ibex_core.memories where org_id = $1 and status = 'active' and deleted_at is null
       order by (embedding <=> $2::vector) + 0, id limit ${limit}`,
      [orgIdOf(this.#options.tenant), `[${embedding.join(',')}]`],
    )
    this.#exact.push(performance.now() - started)
    const found = new Set(await this.#nearest(embedding))
    this.#recall.push(rows.filter(({ id }) => found.has(id)).length / rows.length)
  }

  async measure(operation: Operation, round: number, counts: boolean): Promise<void> {
    const started = performance.now()
    const answered = await this.#run(operation, round)
    const elapsed = performance.now() - started
    if (!answered()) throw new Error(`${operation} of a tenant of ${this.#options.tenant.rows} is not right`)
    if (counts) this.#times[operation].push(elapsed)
  }

  /** Does the work, and returns what tells whether it was right. */
  async #run(operation: Operation, round: number): Promise<() => boolean> {
    const { rows } = this.#options.tenant
    const { memories } = this.#scope
    if (operation === 'nearest') {
      const ids = await this.#nearest(this.#questions[round % questionCount] ?? new Float32Array())
      return () => ids.length === Math.min(limit, rows)
    }
    if (operation === 'text') {
      const text = this.#texts[round % questionCount] ?? ''
      const { hits } = await memories.search({ text, limit, record: false })
      return () => hits.every(({ memory }) => memory.content.includes('word'))
    }
    if (operation === 'read') {
      const id = uuidOf(this.#rows.idOf((round * 7_919) % rows))
      const row = await memories.findById(id)
      return () => row?.id === id
    }
    const page = await memories.findPage({ limit: pageSize })
    return () => page.rows.length === Math.min(pageSize, rows)
  }

  async #nearest(embedding: Float32Array): Promise<string[]> {
    const { exactBelow } = this.#options.plan
    const { hits } = await this.#scope.memories.search({
      embedding,
      limit,
      record: false,
      ...(exactBelow === undefined ? {} : { exactBelow }),
    })
    this.#fewestHits = Math.min(this.#fewestHits, hits.length)
    return hits.map(({ memory }) => memory.id)
  }
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
