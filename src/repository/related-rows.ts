/** Brings rows of other tables along with the rows of a query, as JSON in the same statement. */
import { sql } from 'kysely'
import type { AliasedRawBuilder, Kysely, RawBuilder, SqlBool } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import { checkWholeNumber } from '../tenancy/arguments.ts'
import { withReader } from '../tenancy/query-reader.ts'
import type { ReadRows } from '../tenancy/query-reader.ts'
import { filterConditions, rowConditions, whereAll } from './filter.ts'
import { jsonColumns, readValues, typeColumns } from './json-values.ts'
import type { RowShape } from './json-values.ts'
import { orderTerms } from './keyset-page.ts'
import type { AnyQuery, OneTable } from './keyset-page.ts'
import { readRelations } from './relation.ts'
import type { UntypedRelated, WantedRows } from './relation.ts'
import type { TableDefinition } from './table-definition.ts'

/** The table of a query, and where it is read. */
export interface Source {
  readonly db: Kysely<OneTable>
  readonly orgId: string
  readonly table: TableDefinition
}

/**
 * Runs a query with its related rows: one column a relation.
 *
 * ```sql
 * (select coalesce(json_agg(agg), '[]') from (
 *   select "related_1"."id", …
 *   from (select * from "ibex_core"."checkpoints" where "org_id" = $1 and …) as "related_1"
 *   where "related_1"."session_id" = "ibex_core"."sessions"."id" order by "related_1"."turn_index" desc limit $2
 * ) as agg) as "checkpoints"
 * ```
 *
 * The filter stands in a query of its own, where the table has its own name, as in every other read: so nobody needs an
 * alias in a filter, and parent and child may be rows of one table. PostgreSQL makes one query of the two.
 *
 * @throws {InvalidArgumentError} when a relation or an option of it is not what it should be.
 * @throws {InvalidColumnError} when a column does not exist.
 */
export async function readRelated(
  source: Source,
  query: AnyQuery,
  related: UntypedRelated,
): Promise<readonly Record<string, unknown>[]> {
  const { db, table } = source
  const { columns, shape } = relatedColumns(source, { table, name: table.name, depth: 0 }, related)
  const read: ReadRows = (rows, parserOf) => readValues(rows, shape, parserOf)
  const compiled = query.select([...columns, ...typeColumns(shape)]).compile()
  return (await db.executeQuery(withReader(compiled, read))).rows
}

/** Rows that others come with, by the name that they have in the statement. */
interface Parent {
  readonly table: TableDefinition
  readonly name: string
  readonly depth: number
}

interface RelatedColumns {
  readonly columns: readonly AliasedRawBuilder<unknown, string>[]
  readonly shape: RowShape
}

function relatedColumns(source: Source, parent: Parent, related: UntypedRelated): RelatedColumns {
  const children = readRelations(parent.table, related).map(({ name, wanted }) => {
    const depth = parent.depth + 1
    const child = { table: wanted.table, name: `related_${depth}`, depth }
    const { json, shape } = childRows(source, { parent, child, wanted })
    return { column: json.as(name), shape: { name, shape } }
  })
  return {
    columns: children.map(({ column }) => column),
    shape: { texts: [], related: children.map(({ shape }) => shape) },
  }
}

/** The rows of `child` that come with each row of `parent`. */
interface Link {
  readonly parent: Parent
  readonly child: Parent
  readonly wanted: WantedRows
}

function childRows(
  source: Source,
  link: Link,
): { readonly json: RawBuilder<unknown>; readonly shape: RowShape } {
  const { child, wanted } = link
  const { columns, related } = wanted.options
  const own = jsonColumns(child.table, child.name, columns)
  const nested = related && relatedColumns(source, child, related)
  const rows = matchingRows(source, link).select([...own.columns, ...(nested?.columns ?? [])])
  return {
    json: wanted.isList ? jsonArrayFrom(rows) : jsonObjectFrom(rows),
    shape: { texts: own.texts, related: nested?.shape.related ?? [] },
  }
}

/** The query of the rows that belong to one row of the parent, without what it selects. */
function matchingRows({ db, orgId }: Source, { parent, child, wanted }: Link): AnyQuery {
  const { table, column, parentColumn, options } = wanted
  const rows = whereAll(db.selectFrom(table.name as 'row').selectAll(), [
    ...rowConditions(table, orgId, options),
    ...filterConditions(table, options.where),
  ])
  const belongs = sql<SqlBool>`${columnNamed(child, column)} = ${columnNamed(parent, parentColumn)}`
  // the one table that queries without types know is this one, under its alias
  let query = db.selectFrom(rows.as(child.name as 'row')).where(belongs) as unknown as AnyQuery
  for (const term of orderTerms(table, options.orderBy))
    query = query.orderBy(columnNamed(child, term.column), term.direction)
  return options.limit === undefined ? query : query.limit(checkWholeNumber('limit', options.limit, 0))
}

function columnNamed({ name }: Parent, column: string): RawBuilder<unknown> {
  return sql.ref(`${name}.${column}`)
}
