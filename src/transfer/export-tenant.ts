/** Writes all that a tenant has to a stream. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { InvalidArgumentError, UnknownOrganizationError } from '../errors.ts'
import { checkOptionNames } from '../tenancy/arguments.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import type { Scope } from '../tenancy/scope.ts'
import type { TransactionOptions } from '../tenancy/transaction.ts'
import { exactOutput, exactValue, headerLine, line } from './export-format.ts'
import type { ExportFooter } from './export-format.ts'
import { planTransfer, rootTable, transferKey } from './transfer-plan.ts'
import type { TransferContents, TransferTable } from './transfer-plan.ts'

/** What is exported. */
export interface ExportOptions {
  /** Leaves the vectors out when false (default true): importing then takes an embedder. */
  readonly embeddings?: boolean | undefined
  /**
   * Exports password hashes, webhook secrets and tokens, too (default false). Without them users sign in anew, and the rows of
   * `tokens` stay behind.
   */
  readonly secrets?: boolean | undefined
  /** Stops, rolls back, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A tenant outside a transaction: what `database.forTenant` returns. */
export type ExportableTenant<D> = Scope<D> & {
  transaction<T>(callback: (trx: Scope<D>) => Promise<T>, options?: TransactionOptions): Promise<T>
}

const optionNames: ReadonlySet<string> = new Set<keyof ExportOptions>(['embeddings', 'secrets', 'signal'])

/** Rows that are fetched at once: some 5 MB where each has an embedding of 384 dimensions. */
const chunkSize = 1_000

/**
 * Writes all rows of a tenant as lines of JSON, and ends the stream; what it returns is what the last line says.
 *
 * One read-only transaction sees the tenant as it was at one moment, however long the stream takes; rows go out as fast as it
 * takes them. The same rows always give the same bytes. A file without its last line is cut off.
 *
 * ```ts
 * await exportTenant(database.forTenant(orgId), createWriteStream('alder.ndjson'))
 * ```
 *
 * Tables that all tenants share (`llm_providers`, `llm_models`) are not the tenant's and stay behind, and so do tables of your
 * own.
 *
 * @throws {InvalidArgumentError} when an option does not exist, or the scope is a transaction's.
 * @throws {UnknownOrganizationError} when there is no such organization; then nothing is written.
 */
export async function exportTenant<D extends DB>(
  tenant: ExportableTenant<D>,
  destination: NodeJS.WritableStream,
  options: ExportOptions = {},
): Promise<ExportFooter> {
  checkOptionNames('option', options, optionNames)
  if (tenant.isTransaction)
    throw new InvalidArgumentError('tenant', 'must be the scope outside a transaction: an export begins one')
  const { embeddings = true, secrets = false, signal } = options
  const run = async ({ db, orgId }: Scope<D>): Promise<ExportFooter> => {
    // a user's DB extends ours; Kysely's type is invariant and cannot say so
    const lines = new ExportLines(db as unknown as Kysely<DB>, orgId, { embeddings, secrets })
    await lines.begin()
    await pipeline(lines.read(), destination, signal === undefined ? {} : { signal })
    return lines.footer()
  }
  // on the primary: what a replica has not replayed yet would be missing where the tenant moves to
  const access = { readOnly: true, on: 'primary' } as const
  return await tenant.transaction(run, { isolationLevel: 'repeatable read', ...access, signal })
}

/** The lines of one tenant, counted and digested on their way. */
class ExportLines {
  readonly #db: Kysely<DB>
  readonly #orgId: string
  readonly #contents: TransferContents
  readonly #rows: Record<string, number> = {}
  readonly #hash = createHash('sha256')
  #tables: readonly TransferTable[] = []

  constructor(db: Kysely<DB>, orgId: string, contents: TransferContents) {
    this.#db = db
    this.#orgId = orgId
    this.#contents = contents
  }

  /** Looks for the organization, and sets how values are written until the transaction ends. */
  async begin(): Promise<void> {
    const query = sql`select from ibex_core.organizations where id = ${this.#orgId}`.compile(this.#db)
    const { rows } = await this.#db.executeQuery(withSettings(query, exactOutput))
    if (rows.length === 0) throw new UnknownOrganizationError()
    this.#tables = await planTransfer(this.#db, this.#contents)
  }

  async *read(): AsyncGenerator<string> {
    yield this.#digest(headerLine({ ...this.#contents, organization: this.#orgId }))
    for (const table of this.#tables) {
      const { name } = table.definition
      for await (const row of this.#select(table, table.columns)) {
        this.#rows[name] = (this.#rows[name] ?? 0) + 1
        yield this.#digest(line({ table: name, row }))
      }
    }
    for (const table of this.#tables) {
      if (table.later.length === 0) continue
      const columns = [...transferKey(table.definition), ...table.later]
      for await (const row of this.#select(table, columns, table.later))
        yield this.#digest(line({ table: table.definition.name, later: row }))
    }
    yield line(this.footer())
  }

  footer(): ExportFooter {
    return { rows: this.#rows, sha256: this.#hash.copy().digest('hex') }
  }

  #digest(text: string): string {
    this.#hash.update(text)
    return text
  }

  /** Streams a table in the order of its key, those rows only in which one of `filled` is not null. */
  #select(
    { definition }: TransferTable,
    columns: readonly string[],
    filled: readonly string[] = [],
  ): AsyncIterable<Record<string, unknown>> {
    const { name, columns: types, tenantColumn } = definition
    const key = name === rootTable ? [] : transferKey(definition)
    let query = this.#db
      .selectFrom(sql<Record<string, unknown>>`${sql.table(name)}`.as('exported'))
      .select(columns.map((column) => exactValue(types[column], column).as(column)))
      .where(sql.ref(tenantColumn ?? ''), '=', this.#orgId)
    if (filled.length > 0)
      query = query.where(
        sql<boolean>`num_nonnulls(${sql.join(filled.map((column) => sql.ref(column)))}) > 0`,
      )
    // a text sorts as the database's locale has it, which may be another one where the tenant is imported
    for (const column of key)
      query = query.orderBy(
        types[column] === 'text'
          ? sql`${sql.ref(`exported.${column}`)} collate "C"`
          : sql.ref(`exported.${column}`),
      )
    return query.stream(chunkSize)
  }
}
