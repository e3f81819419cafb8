/** Which tables and columns of a tenant travel, and in which order. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { tables } from '../../types/tables.ts'
import type { TableDefinition } from '../repository/table-definition.ts'

/** What an export holds beside the plain rows. */
export interface TransferContents {
  readonly embeddings: boolean
  readonly secrets: boolean
}

/** A table that travels. */
export interface TransferTable {
  readonly definition: TableDefinition
  /** What the row of a line holds: neither the tenant's id, which the header has, nor what PostgreSQL computes. */
  readonly columns: readonly string[]
  /** Columns that refer to rows further on, such as the memory that superseded one: they follow when all rows are there. */
  readonly later: readonly string[]
}

/** The table of the tenant itself, which is its first row. */
export const rootTable = 'ibex_core.organizations'

/** The embeddings that an import makes anew where an export holds none: a memory cannot be without. */
export const embeddedTable = 'ibex_core.memories'

/**
 * Columns that somebody could sign in or sign with. Hashes are among them: who has one can try passwords at leisure.
 *
 * Where one of them may not be null, the rows of the table stay behind without secrets.
 */
export const secretColumns: Readonly<Record<string, readonly string[]>> = {
  'ibex_core.tokens': ['hash'],
  'ibex_core.users': ['password_hash'],
  'ibex_core.teams': ['webhook_secret'],
}

/** A digest of the tables and columns that this version knows: an export fits the schema that it comes from. */
export const schemaDigest: string = createHash('sha256').update(JSON.stringify(tables)).digest('hex')

const tenantTables: ReadonlyMap<string, TableDefinition> = new Map<string, TableDefinition>(
  Object.values<TableDefinition>(tables)
    .filter(({ tenantColumn }) => tenantColumn !== null)
    .map((table) => [table.name, table]),
)

/** The columns of the key that a line names: all but the tenant's. */
export function transferKey({ primaryKey, tenantColumn }: TableDefinition): readonly string[] {
  return primaryKey.filter((column) => column !== tenantColumn)
}

/**
 * Orders the tenant tables by their foreign keys, which are read from the catalog, so that each row comes after those that it
 * refers to. A circle is opened at a column that may be null.
 */
export async function planTransfer<D>(
  db: Kysely<D>,
  contents: TransferContents,
): Promise<readonly TransferTable[]> {
  const keys = await readForeignKeys(db)
  const waiting = new Set([...tenantTables.keys()].toSorted())
  const later = new Map<string, string[]>()
  const order: string[] = []
  while (waiting.size > 0) {
    const open = keys.filter(({ child, parent }) => waiting.has(child) && waiting.has(parent))
    const next = nextTable(waiting, open)
    later.set(
      next,
      open.filter(({ child }) => child === next).flatMap(({ nullable }) => nullable),
    )
    waiting.delete(next)
    order.push(next)
  }
  return order.flatMap((name) => toTransferTable(tenantTables.get(name), later.get(name) ?? [], contents))
}

interface ForeignKey {
  readonly child: string
  readonly parent: string
  /** The columns that may be null; with one of them null the key refers to nothing. */
  readonly nullable: readonly string[]
}

/** The first table that needs no other one, or can do without for now: only one in a circle has to. */
function nextTable(waiting: ReadonlySet<string>, open: readonly ForeignKey[]): string {
  const needs = (name: string): readonly ForeignKey[] => open.filter(({ child }) => child === name)
  for (const name of waiting) if (needs(name).length === 0) return name
  for (const name of waiting) {
    if (needs(name).every(({ nullable }) => nullable.length > 0) && reaches(name, name, open)) return name
  }
  throw new Error('the foreign keys of the tenant tables form a circle in which no column may be null')
}

function reaches(from: string, to: string, keys: readonly ForeignKey[]): boolean {
  const seen = new Set<string>()
  const ahead = [from]
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    for (const { child, parent } of keys) {
      if (child !== name || seen.has(parent)) continue
      if (parent === to) return true
      seen.add(parent)
      ahead.push(parent)
    }
  }
  return false
}

async function readForeignKeys<D>(db: Kysely<D>): Promise<readonly ForeignKey[]> {
  const { rows } = await sql<{ child: string; parent: string; columns: string[] }>`
    select child.relnamespace::regnamespace::text || '.' || child.relname as child,
      parent.relnamespace::regnamespace::text || '.' || parent.relname as parent,
      array(select attname::text from pg_catalog.pg_attribute where attrelid = conrelid and attnum = any (conkey)
        order by attnum) as columns
    from pg_catalog.pg_constraint
    join pg_catalog.pg_class as child on child.oid = conrelid
    join pg_catalog.pg_class as parent on parent.oid = confrelid
    where contype = 'f' and conparentid = 0 order by child.relname, conname`.execute(db)
  return rows.flatMap(({ child, parent, columns }) => {
    const table = tenantTables.get(child)
    if (table === undefined || !tenantTables.has(parent)) return []
    return [{ child, parent, nullable: columns.filter((column) => table.nullableColumns.includes(column)) }]
  })
}

function toTransferTable(
  definition: TableDefinition | undefined,
  later: readonly string[],
  contents: TransferContents,
): readonly TransferTable[] {
  if (definition === undefined) return []
  const left = leftBehind(definition, contents)
  const isNeeded = left.some((column) => !definition.nullableColumns.includes(column))
  if (isNeeded && !(definition.name === embeddedTable && !contents.embeddings)) return []
  const { tenantColumn, generatedColumns, name } = definition
  const skipped = new Set([...left, ...later, ...generatedColumns, name === rootTable ? '' : tenantColumn])
  const columns = Object.keys(definition.columns).filter((column) => !skipped.has(column))
  return [{ definition, columns, later }]
}

function leftBehind(
  { name, columns }: TableDefinition,
  { embeddings, secrets }: TransferContents,
): readonly string[] {
  const left = secrets ? [] : [...(secretColumns[name] ?? [])]
  if (embeddings) return left
  const vectors = Object.keys(columns).filter((column) => columns[column]?.startsWith('vector'))
  // the model goes with its vectors: a name without one says nothing
  return vectors.length === 0 ? left : [...left, ...vectors, 'embedding_model']
}
