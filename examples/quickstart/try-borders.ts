/** Makes one organization reach for another's rows, and looks at what came of it. */
import { sql } from 'kysely'
import { ForeignKeyViolationError, InsufficientPrivilegeError } from '../../src/errors.ts'
import type { TenantScope, TenantTransaction } from '../../src/index.ts'
import { countOf } from './format.ts'
import { borderAttempts, type BorderAttempt, type ForeignRows } from './border-attempts.ts'

/** What came of one attempt to reach another organization's rows. */
export interface BorderOutcome {
  readonly what: string
  readonly how: BorderAttempt['how']
  /** Whether the attempt came to nothing. */
  readonly held: boolean
  /** In words: `0 rows`, or the name of the error. */
  readonly outcome: string
}

/** All attempts, and whether the other organization still has what it had before, as it sees it itself. */
export interface BorderReport {
  readonly outcomes: readonly BorderOutcome[]
  readonly agents: number
  readonly memories: number
  readonly unchanged: boolean
}

/**
 * Makes `mine` reach for the rows of `theirs` in every way of {@link borderAttempts}.
 *
 * Each attempt is undone, so that not even one that succeeds does harm.
 */
export async function tryBorders(
  mine: TenantScope,
  theirs: TenantScope,
  embedding: Float32Array,
): Promise<BorderReport> {
  const before = await fingerprint(theirs)
  const agent = await theirs.db
    .selectFrom('ibex_core.agents')
    .select('id')
    .orderBy('slug')
    .executeTakeFirstOrThrow()
  const foreign: ForeignRows = { orgId: theirs.orgId, agentId: agent.id }
  const outcomes: BorderOutcome[] = []
  for (const attempt of borderAttempts) outcomes.push(await judge(attempt, mine, { ...foreign, embedding }))
  const after = await fingerprint(theirs)
  return {
    outcomes,
    agents: after.agents,
    memories: after.memories,
    unchanged: before.digest === after.digest,
  }
}

async function judge(
  attempt: BorderAttempt,
  mine: TenantScope,
  { embedding, ...foreign }: ForeignRows & { readonly embedding: Float32Array },
): Promise<BorderOutcome> {
  const { what, how, refusal } = attempt
  try {
    const reached = await undoing(mine, async (trx) => Number(await attempt.run(trx, foreign, embedding)))
    // Where the database must refuse, a statement that runs is a border that gave way, whatever it counted.
    return {
      what,
      how,
      held: refusal === undefined && reached === 0,
      outcome: countOf(reached ?? 0, 'row', 'rows'),
    }
  } catch (error) {
    if (!(error instanceof InsufficientPrivilegeError || error instanceof ForeignKeyViolationError))
      throw error
    return { what, how, held: error.name === refusal, outcome: error.name }
  }
}

class Undone extends Error {}

async function undoing<T>(
  tenant: TenantScope,
  callback: (trx: TenantTransaction) => Promise<T>,
): Promise<T | undefined> {
  let result: T | undefined
  try {
    await tenant.transaction(async (trx) => {
      result = await callback(trx)
      throw new Undone('rolled back on purpose')
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
  }
  return result
}

async function fingerprint({
  db,
}: TenantScope): Promise<{ agents: number; memories: number; digest: string }> {
  const { rows } = await sql<{ agents: number; memories: number; digest: string }>`
    select (select count(*)::int from ibex_core.agents) as agents,
           (select count(*)::int from ibex_core.memories) as memories,
           (select md5(string_agg(agents::text, ',' order by id)) from ibex_core.agents) ||
           (select md5(string_agg(md5(memories::text), ',' order by id)) from ibex_core.memories) as digest`.execute(
    db,
  )
  const [row] = rows
  if (row === undefined) throw new Error('the counts of an organization did not come back')
  return row
}
