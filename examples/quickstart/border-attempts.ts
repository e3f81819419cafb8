/** The ways in which one organization is made to reach for another's rows: in plain Kysely and in raw SQL. */
import { sql } from 'kysely'
import type { TenantTransaction } from '../../src/index.ts'

/** What another organization owns, by its ids. */
export interface ForeignRows {
  readonly orgId: string
  readonly agentId: string
}

/** One attempt: the number of foreign rows that it got hold of, or the error of the database. */
export interface BorderAttempt {
  readonly what: string
  readonly how: 'Kysely' | 'SQL' | 'repository'
  /** The only error that counts as a refusal; without it the statement must run and reach nothing. */
  readonly refusal?: 'InsufficientPrivilegeError' | 'ForeignKeyViolationError'
  run(
    tenant: TenantTransaction,
    foreign: ForeignRows,
    embedding: Float32Array,
  ): Promise<number | bigint | undefined>
}

/** Every attempt that the quickstart makes. */
export const borderAttempts: readonly BorderAttempt[] = [
  {
    what: 'select an agent by its id',
    how: 'Kysely',
    run: async ({ db }, { agentId }) => {
      const rows = await db.selectFrom('ibex_core.agents').selectAll().where('id', '=', agentId).execute()
      return rows.length
    },
  },
  {
    what: 'select memories by organization',
    how: 'Kysely',
    run: async ({ db }, { orgId }) => {
      const rows = await db
        .selectFrom('ibex_core.memories')
        .select('content')
        .where('org_id', '=', orgId)
        .execute()
      return rows.length
    },
  },
  {
    what: 'select count(*) of its memories',
    how: 'SQL',
    run: async ({ db }, { orgId }) => {
      const { rows } = await sql<{ count: string }>`
        select count(*)::text as count from ibex_core.memories where org_id = ${orgId}`.execute(db)
      return Number(rows[0]?.count)
    },
  },
  {
    what: 'update an agent by its id',
    how: 'Kysely',
    run: async ({ db }, { agentId }) => {
      const result = await db
        .updateTable('ibex_core.agents')
        .set({ name: 'mine' })
        .where('id', '=', agentId)
        .executeTakeFirst()
      return result.numUpdatedRows
    },
  },
  {
    what: 'update all of its memories',
    how: 'SQL',
    run: async ({ db }, { orgId }) => {
      const result =
        await sql`update ibex_core.memories set is_pinned = true where org_id = ${orgId}`.execute(db)
      return result.numAffectedRows
    },
  },
  {
    what: 'delete an agent by its id',
    how: 'Kysely',
    run: async ({ db }, { agentId }) => {
      const result = await db.deleteFrom('ibex_core.agents').where('id', '=', agentId).executeTakeFirst()
      return result.numDeletedRows
    },
  },
  {
    what: 'delete all of its memories',
    how: 'SQL',
    run: async ({ db }, { orgId }) => {
      const result = await sql`delete from ibex_core.memories where org_id = ${orgId}`.execute(db)
      return result.numAffectedRows
    },
  },
  {
    what: 'insert an agent into it',
    how: 'Kysely',
    refusal: 'InsufficientPrivilegeError',
    run: async ({ db }, { orgId }) => {
      const result = await db
        .insertInto('ibex_core.agents')
        .values({ org_id: orgId, name: 'spy', slug: 'spy' })
        .executeTakeFirst()
      return result.numInsertedOrUpdatedRows
    },
  },
  {
    what: 'give it an agent of mine',
    how: 'SQL',
    refusal: 'InsufficientPrivilegeError',
    run: async ({ db }, { orgId }) => {
      const result = await sql`update ibex_core.agents set org_id = ${orgId}`.execute(db)
      return result.numAffectedRows
    },
  },
  {
    what: 'insert a memory for its agent',
    how: 'repository',
    refusal: 'ForeignKeyViolationError',
    run: async ({ memories }, { agentId }, embedding) => {
      await memories.add({ agentId, content: 'I was never here.', embedding, category: 'factual' })
      return 1
    },
  },
]
