/** Functions that search with operators which row-level security would keep from their indexes. */
import { quoteText } from '../database/quote.ts'
import { MigrationError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import { handOver, requireHandover } from './handover.ts'
import type { TableName } from './names.ts'
import { parseTableName, quoteColumns, quoteIdentifier } from './names.ts'
import { appRole, searchRole } from './roles.ts'

/** A function that finds rows of one tenant table. */
export interface SearchFunction {
  /** The table that it searches. */
  readonly table: string
  /** The columns that the search needs, `org_id` and the key among them: all that its role may read. */
  readonly columns: readonly string[]
  /** Columns of further tenant tables that the query reads, by table; each needs its own `org_id = tenant`. */
  readonly alsoReads?: Readonly<Record<string, readonly string[]>>
  /** As in `create function`: `query text, most integer`. */
  readonly parameters: string
  /** What it returns, as in `returns table (…)`: ids and ranks, never content. Default: `id uuid, rank real`. */
  readonly returns?: string
  /** A select with `org_id = tenant` among its conditions; tables with their schema, columns with their table. */
  readonly query: string
  readonly comment: string
}

/**
 * Creates a function that searches a tenant table with the rights of `ibex_search`, for the current tenant alone.
 *
 * `@@`, `@>`, `&&` and `like` are not leakproof: under a policy that looks at the row PostgreSQL uses no index for them
 * (44 ms instead of 0.08 on 400,000 rows). The search role has a policy without a condition and the right to read
 * the columns named, so its statements keep their indexes; the query itself names the tenant. What comes back are ids,
 * which the caller joins with the table, under its own policy.
 *
 * ```ts
 * await createSearchFunction(db, 'public.search_notes', {
 *   table: 'public.notes',
 *   columns: ['org_id', 'id', 'words'],
 *   parameters: 'query text, most integer',
 *   query: `select note.id, ts_rank(note.words, term) from public.notes as note, websearch_to_tsquery('english', query) as term
 *     where note.org_id = tenant and note.words @@ term order by 2 desc limit most`,
 *   comment: 'Finds the notes of the tenant that match, best first.',
 * })
 * ```
 *
 * `tenant` is a variable of the function: null without a tenant, and then nothing is found. A column that is written
 * without its table and has the name of a variable, a parameter or a result is an error when the function is called, and
 * never taken for the other. Operators of extensions need their schema: `operator(public.<=>)`.
 *
 * The way down is {@link dropSearchFunction}; to change one, drop it and create it anew.
 *
 * @throws {MigrationError} when the query does not compare `org_id` with `tenant`: it would search the rows of all.
 * @throws {InsufficientPrivilegeError} when this login may not hand the function over; says what an administrator must run.
 */
export async function createSearchFunction(
  db: MigrationHandle,
  name: string,
  definition: SearchFunction,
): Promise<void> {
  const { table, columns, alsoReads = {}, parameters, returns = 'id uuid, rank real', query } = definition
  const fn = parseTableName(name)
  if (!/\borg_id\s*=\s*tenant\b/.test(query))
    throw new MigrationError(`the query of ${name} must say org_id = tenant, or it searches all tenants`)
  await requireHandover(db, fn, searchRole)
  for (const [name, read] of Object.entries({ ...alsoReads, [table]: columns }))
    await openToSearch(db, parseTableName(name), read)
  // a custom plan each time: a generic one knows neither the tenant's size nor its partition. The caller's planner would
  // expect 1,000 rows of a function and read the whole tenant to join them
  await run(
    db,
    `create function ${fn.sql}(${parameters}) returns table (${returns}) language plpgsql stable security definer rows 20
    set search_path = '' set plan_cache_mode = force_custom_plan as $search$
#variable_conflict error
declare
  tenant constant uuid := ibex_core.current_org_id();
begin
  return query ${query};
end
$search$`,
  )
  await run(db, `comment on function ${fn.sql} is ${quoteText(definition.comment)}`)
  await run(db, `revoke all on function ${fn.sql} from public`)
  await run(db, `grant execute on function ${fn.sql} to ${appRole}`)
  await handOver(db, fn, searchRole)
}

/**
 * Drops a search function, and closes the tables that it has read to `ibex_search` again where no other one reads them.
 *
 * ```ts
 * await dropSearchFunction(db, 'public.search_notes', 'public.notes')
 * ```
 */
export async function dropSearchFunction(
  db: MigrationHandle,
  name: string,
  ...read: readonly string[]
): Promise<void> {
  await run(db, `drop function ${parseTableName(name).sql}`)
  for (const table of read) await closeToSearch(db, table)
}

async function closeToSearch(db: MigrationHandle, table: string): Promise<void> {
  const { sql: relation, name: tableName } = parseTableName(table)
  const others = await read(
    db,
    `select from pg_catalog.pg_proc where proowner = ${quoteText(searchRole)}::regrole
      and position(${quoteText(table)} in prosrc) > 0`,
  )
  if (others.length > 0) return
  await run(db, `drop policy ${searchPolicy(tableName)} on ${relation}`)
  await run(db, `revoke all on ${relation} from ${searchRole}`)
}

/** Lets the search role read these columns of every row, beside what other functions have opened. */
async function openToSearch(
  db: MigrationHandle,
  { sql: relation, name }: TableName,
  columns: readonly string[],
): Promise<void> {
  const policy = searchPolicy(name)
  await run(db, `drop policy if exists ${policy} on ${relation}`)
  await run(db, `create policy ${policy} on ${relation} for select to ${searchRole} using (true)`)
  await run(db, `grant select (${quoteColumns(columns)}) on ${relation} to ${searchRole}`)
}

function searchPolicy(table: string): string {
  return quoteIdentifier(`${table}_search_access`)
}
