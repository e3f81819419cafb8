/** Writes the rows of one imported tenant, many in a statement. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { embedTexts } from '../embedding/embed-texts.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { InvalidExportError } from '../errors.ts'
import { bulkInsertQuery } from '../repository/bulk-insert.ts'
import type { Values } from '../repository/column-values.ts'
import type { ExportHeader } from './export-format.ts'
import type { ReadRow } from './imported-file.ts'
import { embeddedTable, rootTable, transferKey } from './transfer-plan.ts'
import type { TransferTable } from './transfer-plan.ts'

/** What is imported, and how. */
export interface ImportWork {
  readonly header: ExportHeader
  readonly tables: readonly TransferTable[]
  readonly embedder?: Embedder<384> | undefined
  readonly onProgress?: ((progress: { readonly rows: number }) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** One statement at most: embedders take batches of this size, and PostgreSQL messages of some MB, without trouble. */
const maxRows = 500
const maxBytes = 8 * 1024 * 1024

/** Collects rows of one kind and writes them together. Needs a transaction. */
export class ImportWriter<D extends DB> {
  readonly #db: Kysely<D>
  readonly #work: ImportWork
  readonly #tables: ReadonlyMap<string, TransferTable>
  readonly #inserted: Record<string, number> = {}
  #table: TransferTable | undefined
  #isLater = false
  #values: Values[] = []
  #bytes = 0

  constructor(db: Kysely<D>, work: ImportWork) {
    this.#db = db
    this.#work = work
    this.#tables = new Map(work.tables.map((table) => [table.definition.name, table]))
  }

  /**
   * Takes a row, and returns false when it is the organization's and that is there.
   *
   * @throws {InvalidExportError} when it has other columns than the table, or is another organization.
   */
  async take(row: ReadRow): Promise<boolean> {
    const table = this.#tables.get(row.table)
    if (table === undefined) throw new InvalidExportError(row.number, 'names a table that does not travel')
    checkColumns(row, row.isLater ? laterColumns(table) : table.columns)
    if (row.table === rootTable) return await this.#insertRoot(table, row)
    const isOther = table !== this.#table || row.isLater !== this.#isLater
    if (isOther || this.#values.length >= maxRows || this.#bytes >= maxBytes) await this.flush()
    this.#table = table
    this.#isLater = row.isLater
    this.#values.push(row.values)
    this.#bytes += row.size
    return true
  }

  /** Writes what was collected, and tells how many rows of each table were inserted. */
  async finish(): Promise<Readonly<Record<string, number>>> {
    await this.flush()
    return this.#inserted
  }

  async flush(): Promise<void> {
    const [table, values] = [this.#table, this.#values]
    this.#values = []
    this.#bytes = 0
    if (table === undefined || values.length === 0) return
    this.#work.signal?.throwIfAborted()
    if (this.#isLater) await this.#update(table, values)
    else await this.#insert(table, values)
    const rows = Object.values(this.#inserted).reduce((sum, count) => sum + count, 0)
    this.#work.onProgress?.({ rows })
  }

  async #insertRoot({ definition }: TransferTable, { values, number }: ReadRow): Promise<boolean> {
    // the id is the only place where a row says whose it is
    if (values['id'] !== this.#work.header.organization)
      throw new InvalidExportError(number, 'is another organization than that of the header')
    const { embedder, header } = this.#work
    const model = header.embeddings || embedder === undefined ? {} : { embedding_model: embedder.model }
    const row = { ...values, ...model }
    const group = { columns: Object.keys(row), rows: [row], positions: [0] }
    const insert = async (conflict: 'on conflict' | 'on conflict (id)'): Promise<boolean> => {
      const suffix = sql`${sql.raw(conflict)} do nothing`
      const query = bulkInsertQuery(definition, group, { suffix, returning: sql`1` })
      return (await query.execute(this.#db)).rows.length === 1
    }
    // of two imports at once, one that minds the id alone may be refused for the slug: whose that is, the second tells
    const isInserted = (await insert('on conflict')) || (await insert('on conflict (id)'))
    this.#inserted[rootTable] = isInserted ? 1 : 0
    return isInserted
  }

  async #insert({ definition }: TransferTable, values: readonly Values[]): Promise<void> {
    const { name } = definition
    const embeddings = name === embeddedTable ? await this.#embed(values) : []
    const rows = values.map((row, index) => ({
      ...row,
      ...embeddings[index],
      org_id: this.#work.header.organization,
    }))
    const group = { columns: Object.keys(rows[0] ?? {}), rows, positions: [] }
    await bulkInsertQuery(definition, group, { returning: sql`1` }).execute(this.#db)
    this.#inserted[name] = (this.#inserted[name] ?? 0) + rows.length
  }

  async #embed(values: readonly Values[]): Promise<readonly Values[]> {
    const { header, embedder, signal } = this.#work
    if (header.embeddings || embedder === undefined) return []
    const texts = values.map(({ content }) => String(content))
    const vectors = await embedTexts(embedder, texts, signal)
    return vectors.map((embedding) => ({ embedding, embedding_model: embedder.model }))
  }

  /** Sets the columns that had to wait for the rows that they refer to. */
  async #update({ definition, later }: TransferTable, values: readonly Values[]): Promise<void> {
    const key = transferKey(definition)
    const columns = [...key, ...later]
    const arrays = columns.map(
      (column) =>
        sql`${values.map((row) => row[column])}::${sql.raw(definition.columns[column] ?? 'text')}[]`,
    )
    await sql`update ${sql.table(definition.name)} as stored
      set ${sql.join(later.map((column) => sql`${sql.ref(column)} = ${sql.ref(`given.${column}`)}`))}
      from unnest(${sql.join(arrays)}) as given (${sql.join(columns.map((column) => sql.ref(column)))})
      where stored.org_id = ${this.#work.header.organization}
        and ${sql.join(
          key.map((column) => sql`${sql.ref(`stored.${column}`)} = ${sql.ref(`given.${column}`)}`),
          sql` and `,
        )}`.execute(this.#db)
  }
}

function laterColumns({ definition, later }: TransferTable): readonly string[] {
  return later.length === 0 ? [] : [...transferKey(definition), ...later]
}

/** A row must name each column of the plan and no other: not the tenant's, and none that PostgreSQL computes. */
function checkColumns({ values, number }: ReadRow, columns: readonly string[]): void {
  const names = Object.keys(values)
  const isComplete =
    names.length === columns.length && columns.every((column) => Object.hasOwn(values, column))
  if (!isComplete || columns.length === 0)
    throw new InvalidExportError(number, 'has other columns than its table')
  if (!names.every((name) => isScalar(values[name])))
    throw new InvalidExportError(number, 'holds a value that is neither text, number, true, false nor null')
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
