/** Which columns a picture shows: a table of 25 columns would hide what it is for. */
import type { SchemaColumn, SchemaTable } from './read-schema.ts'

/** A column with what the pictures mark it by. */
export interface PictureColumn extends Pick<SchemaColumn, 'name' | 'type'> {
  readonly isPrimary: boolean
  readonly isForeign: boolean
  /** It alone, within the tenant, is a key. */
  readonly isUnique: boolean
  /** How soon it is left out: keys and references never, then value lists, then what an insert must say. */
  readonly rank: number
}

/** The columns to show, in the order of the table, and how many are left out. */
export interface ChosenColumns {
  readonly columns: readonly PictureColumn[]
  readonly rest: number
}

/** Columns that nearly every table has: no picture shows them. */
export const commonColumns: readonly string[] = ['org_id', 'created_at', 'updated_at', 'deleted_at']

/** Chooses so many columns at most, by their rank; a table that is hardly longer is shown whole. */
export function chooseColumns(table: SchemaTable, most: number): ChosenColumns {
  const columns = markColumns(table)
  // the line that says how many are left out takes the room of one
  if (columns.length <= most + 1) return { columns, rest: 0 }
  const chosen = new Set(columns.toSorted((a, b) => a.rank - b.rank).slice(0, most))
  return { columns: columns.filter((column) => chosen.has(column)), rest: columns.length - chosen.size }
}

/** Marks every column but the common ones. */
function markColumns(table: SchemaTable): readonly PictureColumn[] {
  const foreign = new Set(table.refersTo.flatMap((reference) => reference.columns))
  const keys = table.indexes
    .filter((index) => index.isUnique && !index.isPrimary)
    .map((index) => index.columns.filter((column) => column !== table.tenantColumn))
  const unique = new Set(keys.flatMap((key) => (key.length === 1 ? key : [])))
  const inKey = new Set(keys.flat())
  return table.columns
    .filter(({ name }) => !commonColumns.includes(name))
    .map((column) => {
      const { name, type } = column
      const isPrimary = table.primaryKey.includes(name)
      const isForeign = foreign.has(name)
      const isUnique = unique.has(name)
      const isNeeded = isPrimary || isForeign || inKey.has(name)
      return { name, type, isPrimary, isForeign, isUnique, rank: isNeeded ? 0 : rankOf(column) }
    })
}

function rankOf({ values, expression, isNullable }: SchemaColumn): number {
  if (values !== undefined) return 1
  return expression === undefined && !isNullable ? 2 : 3
}
