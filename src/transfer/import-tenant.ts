/** Brings an exported tenant into a database. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { checkEmbedder } from '../embedding/embed-texts.ts'
import type { Embedder } from '../embedding/embedder.ts'
import {
  DatabaseError,
  InvalidArgumentError,
  InvalidExportError,
  OrganizationExistsError,
} from '../errors.ts'
import { checkOptionNames } from '../tenancy/arguments.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'
import { parseHeader } from './export-format.ts'
import type { ExportHeader } from './export-format.ts'
import { ImportWriter } from './import-writer.ts'
import { ImportedFile } from './imported-file.ts'
import { readLines } from './read-lines.ts'
import type { ByteSource } from './read-lines.ts'
import { planTransfer } from './transfer-plan.ts'

/** How a tenant is imported. */
export interface ImportOptions {
  /** Makes the embeddings of memories, where the export holds none; its model becomes that of the organization. */
  readonly embedder?: Embedder<384> | undefined
  /** What happens when the organization is there: an error (default), or nothing. */
  readonly ifExists?: 'throw' | 'skip' | undefined
  /** Called now and then with the number of rows that were inserted. */
  readonly onProgress?: ((progress: { readonly rows: number }) => void) | undefined
  /** Stops, rolls back, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What came of an import. */
export interface ImportReport {
  readonly outcome: 'imported' | 'skipped'
  readonly organizationId: string
  /** The number of rows of each table that were inserted. */
  readonly rows: Readonly<Record<string, number>>
}

const optionNames: ReadonlySet<string> = new Set<keyof ImportOptions>([
  'embedder',
  'ifExists',
  'onProgress',
  'signal',
])

/**
 * Inserts an exported tenant with all its ids, times, versions and counters as they were: all of it, or nothing.
 *
 * It takes the system's scope, as a tenant cannot create another one, and writes rows of the organization of the header only.
 * One transaction holds the whole import, until the last line was found to be right.
 *
 * ```ts
 * await database.asSystem('move a clinic to this region', async (system) =>
 *   await importTenant(system, createReadStream('alder.ndjson')))
 * ```
 *
 * The last line protects against damage, not against malice: import what you exported.
 *
 * @throws {InvalidArgumentError} when an option is not what it should be, or the export needs an embedder.
 * @throws {InvalidExportError} when the export is damaged, cut off, or of another version; `line` says where.
 * @throws {OrganizationExistsError} when the organization is there; all rows of a tenant need it, so none is without.
 * @throws {UniqueViolationError} when another organization has the slug, or the customer id of the payment service.
 * @throws {EmbeddingFailedError} when the embedder fails.
 */
export async function importTenant<D extends DB>(
  system: SystemScope<D>,
  source: ByteSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkImportOptions(options)
  const lines = readLines(source)
  try {
    const first = await lines.next()
    if (first.done === true) throw new InvalidExportError(1, 'is missing: the export is empty')
    const header = parseHeader(first.value.text)
    if (!header.embeddings && options.embedder === undefined)
      throw new InvalidArgumentError('embedder', 'is required: the export holds no embeddings')
    const file = new ImportedFile(first.value, lines)
    return await system.transaction(async (trx) => await importRows(trx, header, file, options), {
      signal: options.signal,
    })
  } finally {
    // a file that is not read to its end would stay open
    await lines.return(undefined)
  }
}

function checkImportOptions(options: ImportOptions): void {
  checkOptionNames('option', options, optionNames)
  const { embedder, ifExists } = options
  if (ifExists !== undefined && ifExists !== 'throw' && ifExists !== 'skip')
    throw new InvalidArgumentError('ifExists', "must be 'throw' or 'skip'")
  if (embedder !== undefined) checkEmbedder('embedder', embedder, 384)
}

async function importRows<D extends DB>(
  trx: Kysely<D>,
  header: ExportHeader,
  file: ImportedFile,
  { ifExists, ...options }: ImportOptions,
): Promise<ImportReport> {
  await sql`select set_config('app.import', 'on', true)`.execute(trx)
  const tables = await planTransfer(trx, header)
  const writer = new ImportWriter(trx, { header, tables, ...options })
  const organizationId = header.organization
  if (!(await takeRows(file, writer))) {
    if (ifExists === 'skip') return { outcome: 'skipped', organizationId, rows: {} }
    throw new OrganizationExistsError()
  }
  const rows = await writer.finish()
  file.compare(rows)
  return { outcome: 'imported', organizationId, rows }
}

/** Hands all rows to the writer; false when the organization is there. */
async function takeRows<D extends DB>(file: ImportedFile, writer: ImportWriter<D>): Promise<boolean> {
  let refusal: DatabaseError | undefined
  for await (const row of file.rows()) {
    // a row may be refused because a line before it was lost, which the last line tells
    if (refusal !== undefined) continue
    try {
      if (!(await writer.take(row))) return false
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.isRetryable) throw error
      refusal = error
    }
  }
  if (refusal !== undefined) throw refusal
  return true
}
