/** The schema as a text to commit and review: the same on every server, whatever created it. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { quoteText } from '../database/quote.ts'
import type { MigrationHandle } from './handle.ts'
import { read } from './handle.ts'
import {
  columnsQuery,
  commentsQuery,
  constraintsQuery,
  extensionsQuery,
  functionsQuery,
  grantsQuery,
  indexesQuery,
  policiesQuery,
  rolesQuery,
  schemaGrantsQuery,
  tablesQuery,
  triggersQuery,
} from './schema-queries.ts'

/**
 * Reads the catalog and writes what a migration can change in a schema, as SQL in a fixed order.
 *
 * Tables with columns, constraints, indexes, policies, rights, triggers and comments; functions; the roles with what
 * they are. Left out: what differs between servers without meaning anything (owners, object ids, the parts of partitions
 * that their parent determines, the tables of executed migrations).
 */
export async function dumpSchema<DB>(db: Kysely<DB>, schema = 'ibex_core'): Promise<string> {
  return await db.transaction().execute(async (trx) => {
    // with an empty search path PostgreSQL writes every name with its schema
    await sql`select set_config('search_path', '', true)`.execute(trx)
    const name = quoteText(schema)
    const head = await lines(trx, [
      rolesQuery,
      extensionsQuery,
      schemaGrantsQuery(name),
      functionsQuery(name),
    ])
    const tables = await read<Table>(trx, tablesQuery(name))
    const bodies: string[] = []
    for (const table of tables) bodies.push(await dumpTable(trx, table))
    return `${[...head, ...bodies].join('\n\n')}\n`
  })
}

interface Table {
  readonly name: string
  /** `relation` as an SQL literal of its object id. */
  readonly relation: string
  /** What stands after the column list, or `partition of …`. */
  readonly partitioning: string
  readonly isPartition: boolean
}

interface Line {
  readonly line: string
}

async function dumpTable(db: MigrationHandle, table: Table): Promise<string> {
  const { name, relation, partitioning, isPartition } = table
  if (isPartition) {
    const parts = await lines(db, [policiesQuery(relation), grantsQuery(relation)])
    return [`create table ${name} ${partitioning};`, ...parts].join('\n')
  }
  const body = await lines(db, [columnsQuery(relation), constraintsQuery(relation)])
  const definition = body.flatMap((block) => block.split('\n')).map((line) => `  ${line}`)
  const rest = await lines(db, [
    indexesQuery(relation),
    policiesQuery(relation),
    grantsQuery(relation),
    triggersQuery(relation),
    commentsQuery(relation),
  ])
  return [`create table ${name} (\n${definition.join(',\n')}\n)${partitioning};`, ...rest].join('\n')
}

/** One block of text for each query that finds anything. */
async function lines(db: MigrationHandle, queries: readonly string[]): Promise<readonly string[]> {
  const blocks: string[] = []
  for (const query of queries) {
    const rows = await read<Line>(db, query)
    if (rows.length > 0) blocks.push(rows.map(({ line }) => line).join('\n'))
  }
  return blocks
}
