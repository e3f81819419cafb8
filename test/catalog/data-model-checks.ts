/** What the checks of a table take and refuse, asked of the checks themselves: how they are written does not matter. */
import { type RawBuilder, sql } from 'kysely'
import type { CatalogTable } from './data-model-catalog.ts'
import { expectedColumns } from './data-model-columns.ts'
import type { CheckExpectation, TableExpectation } from './data-model-expectations.ts'

/** Something that must hold, and what to say when it does not. */
export interface Requirement {
  /** A question for the database where the catalogue alone cannot tell. */
  readonly holds: boolean | RawBuilder<boolean>
  readonly otherwise: string
}

/** The requirements of the checks of a table: what they must take and what they must refuse. */
export function checkRequirements(expected: TableExpectation, table: CatalogTable): Requirement[] {
  const types = new Map(expectedColumns(expected).map(({ name, type }) => [name, type]))
  // a column that is missing or of another type is a difference of its own, and would make the question an error
  const isAsDesigned = (row: Row): boolean =>
    Object.keys(row).every((column) => table.columns[column]?.type === types.get(column))
  const checks = ruleChecks(expected).concat(expected.checks ?? [])
  const taken = checks.flatMap(({ takes }) => takes).filter(isAsDesigned)
  const refused = checks.flatMap(({ refuses }) => refuses).filter(isAsDesigned)
  return [
    ...taken.map((row) => ({
      holds: sql<boolean>`not ${refusal(table, row)}`,
      otherwise: describeRow(table, row, 'refuses'),
    })),
    ...refused.map((row) => ({
      holds: refusal(table, row),
      otherwise: describeRow(table, row, 'takes'),
    })),
  ]
}

/** Values by column. */
type Row = Readonly<Record<string, string>>

/** The checks that follow from the kind of a column: lists, scores, JSON objects. */
function ruleChecks(expected: TableExpectation): CheckExpectation[] {
  const lists = Object.entries(expected.values ?? {}).map(([column, values]) => ({
    takes: rows(column, values.split(' ')),
    refuses: rows(column, ['none of these']),
  }))
  const others = expectedColumns(expected).flatMap(({ name, type, isRequired, default: given }) => {
    if (type === 'real') return [{ takes: rows(name, ['0', '1']), refuses: rows(name, ['-0.1', '1.1']) }]
    const isObject = type === 'jsonb' && isRequired === true && given === undefined
    return isObject ? [{ takes: rows(name, ['{}']), refuses: rows(name, ['[]']) }] : []
  })
  return [...lists, ...others]
}

/** Asks whether a check of these columns alone refuses the values. */
function refusal({ columns, checks }: CatalogTable, row: Row): RawBuilder<boolean> {
  const values = Object.entries(row).map(
    ([column, value]) =>
      sql`${sql.lit(value)}::${sql.raw(columns[column]?.type ?? 'text')} as ${sql.ref(column)}`,
  )
  const refused = checks
    .filter((check) => check.columns.every((column) => column in row))
    .map(
      ({ condition }) =>
        sql`(select ${sql.raw(condition)} from (select ${sql.join(values)}) as given) is false`,
    )
  return sql`(${sql.join([sql`false`, ...refused], sql` or `)})`
}

function describeRow({ name }: CatalogTable, row: Row, verb: string): string {
  const values = Object.values(row).map(quoted).join(' with ')
  return `${name}.${Object.keys(row).join(', ')}: ${verb} ${values}`
}

function quoted(value: string): string {
  return value.length > 60 ? `${value.length} characters` : `"${value}"`
}

function rows(column: string, values: readonly string[]): Row[] {
  return values.map((value) => ({ [column]: value }))
}
