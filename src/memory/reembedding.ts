/** A change of the embedding model: who goes on with it, what is left to do, and what is ready. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { ReembeddingConflictError } from '../errors.ts'
import type { Scope } from '../tenancy/scope.ts'
import type { Vector } from '../vector/vector.ts'
import type { memoryDimension } from './memory-input.ts'

/** A memory that is to be embedded. */
export interface UnembeddedContent {
  readonly id: string
  readonly content: string
  readonly content_hash: string
}

/** One run of the change that an organization is in. */
export class Reembedding {
  readonly id: string
  readonly model: string
  readonly #scope: Scope<DB>
  readonly #holder: string

  private constructor(
    scope: Scope<DB>,
    { id, model, holder }: { readonly id: string; readonly model: string; readonly holder: string },
  ) {
    this.#scope = scope
    this.id = id
    this.model = model
    this.#holder = holder
  }

  /**
   * Begins a change, or takes over the one to this model that was begun: the run that had it fails at its next step.
   *
   * @throws {ReembeddingConflictError} when the organization is in a change to another model.
   */
  static async claim(
    scope: Scope<DB>,
    { model, holder }: { readonly model: string; readonly holder: string },
  ): Promise<Reembedding> {
    const { rows } = await sql<{
      id: string
    }>`insert into ibex_core.memory_reembeddings as running (org_id, model, holder)
      values (${scope.orgId}, ${model}, ${holder}) on conflict (org_id) where status = 'running'
      do update set holder = excluded.holder where running.model = excluded.model returning id`.execute(
      scope.db,
    )
    const [row] = rows
    if (row === undefined)
      throw new ReembeddingConflictError(
        'a change to another embedding model is running: complete or cancel it first',
      )
    return new Reembedding(scope, { id: row.id, model, holder })
  }

  /** Cancels what is running; its run fails at its next step. Needs a transaction. */
  static async cancel(db: Kysely<DB>, orgId: string): Promise<boolean> {
    const { rows } = await sql<{ id: string }>`update ibex_core.memory_reembeddings
      set status = 'cancelled', finished_at = now() where org_id = ${orgId} and status = 'running' returning id`.execute(
      db,
    )
    const [row] = rows
    if (row === undefined) return false
    await sql`delete from ibex_core.memory_embeddings_staged
      where org_id = ${orgId} and reembedding_id = ${row.id}`.execute(db)
    return true
  }

  /** Counts the memories whose new embedding is ready, and those without. */
  async count(): Promise<{ readonly done: number; readonly remaining: number }> {
    const { rows } = await sql<{ done: string; remaining: string }>`select
        count(*) filter (where not ${isUnembedded}) as done, count(*) filter (where ${isUnembedded}) as remaining
      from ${this.#outdated()}`.execute(this.#scope.db)
    return { done: Number(rows[0]?.done ?? 0), remaining: Number(rows[0]?.remaining ?? 0) }
  }

  /** Reads the next memories that are not embedded, in the order of their ids. */
  async unembedded({
    after,
    limit,
  }: {
    readonly after: string | undefined
    readonly limit: number
  }): Promise<readonly UnembeddedContent[]> {
    const isNext = after === undefined ? sql`` : sql`and memory.id > ${after}`
    const { rows } = await sql<UnembeddedContent>`select memory.id, memory.content, memory.content_hash
      from ${this.#outdated()} and ${isUnembedded} ${isNext} order by memory.id limit ${limit}`.execute(
      this.#scope.db,
    )
    return rows
  }

  /**
   * Keeps new embeddings until all memories have one.
   *
   * @throws {ReembeddingConflictError} when another run has taken over, or the change was cancelled.
   */
  async stage(
    contents: readonly UnembeddedContent[],
    embeddings: readonly Vector<typeof memoryDimension>[],
  ): Promise<void> {
    await this.#scope.atomically(async ({ db, orgId }) => {
      await this.hold(db, contents.length)
      const ids = contents.map(({ id }) => id)
      // a memory that is erased meanwhile takes its row with it, or gets none
      await sql`with living as materialized (
          select id from ibex_core.memories where org_id = ${orgId} and id = any (${ids}) order by id for key share
        )
        insert into ibex_core.memory_embeddings_staged (org_id, memory_id, reembedding_id, content_hash, embedding)
        select ${orgId}, given.id, ${this.id}, given.content_hash, given.embedding
        from unnest(${ids}::uuid[], ${contents.map((content) => content.content_hash)}::bpchar[],
          ${embeddings}::vector(384)[]) as given (id, content_hash, embedding) join living using (id)
        on conflict (org_id, memory_id) do update set reembedding_id = excluded.reembedding_id,
          content_hash = excluded.content_hash, embedding = excluded.embedding`.execute(db)
    })
  }

  /**
   * Locks the change, so that no other run takes it over before the transaction ends.
   *
   * @throws {ReembeddingConflictError} when one has, or the change was cancelled.
   */
  async hold(db: Kysely<DB>, embedded: number): Promise<void> {
    const { numAffectedRows } = await sql`update ibex_core.memory_reembeddings
      set embedded_count = embedded_count + ${embedded}
      where org_id = ${this.#scope.orgId} and id = ${this.id} and status = 'running' and holder = ${this.#holder}`.execute(
      db,
    )
    if (numAffectedRows !== 1n)
      throw new ReembeddingConflictError(
        'another run has taken this change of the embedding model over, or it was cancelled',
      )
  }

  /** Tells whether a memory is still without an embedding of the new model. */
  async isIncomplete(db: Kysely<DB>): Promise<boolean> {
    const { rows } = await sql<{ incomplete: boolean }>`select exists (
      select from ${this.#outdated()} and ${isUnembedded}) as incomplete`.execute(db)
    return rows[0]?.incomplete !== false
  }

  /** Soft-deleted, superseded and archived memories are among them: each may come back, and would then be of another model. */
  #outdated(): RawBuilder<unknown> {
    return sql`ibex_core.memories as memory left join ibex_core.memory_embeddings_staged as staged
      on staged.org_id = ${this.#scope.orgId} and staged.memory_id = memory.id and staged.reembedding_id = ${this.id}
      where memory.org_id = ${this.#scope.orgId} and memory.embedding_model is distinct from ${this.model}`
  }
}

/** An embedding of what the content was before it changed is none. */
const isUnembedded: RawBuilder<unknown> = sql`(staged.content_hash is distinct from memory.content_hash)`
