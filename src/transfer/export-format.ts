/**
 * The lines of an export: JSON, one a line, a header first and a footer last.
 *
 * ```json
 * {"export":"ibex-db tenant","version":1,"schema":"…","organization":"…","embeddings":true,"secrets":false}
 * {"table":"ibex_core.organizations","row":{"id":"…","name":"Alder Clinic",…}}
 * {"table":"ibex_core.memories","later":{"id":"…","superseded_by":"…","merged_into":null}}
 * {"rows":{"ibex_core.organizations":1,…},"sha256":"…"}
 * ```
 *
 * Truth values and integers of 4 bytes at most are JSON's own. Everything else is text as PostgreSQL writes it, in UTC, so
 * that no bigint, amount, microsecond or float is rounded on the way.
 */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { InvalidExportError } from '../errors.ts'
import { isPlainObject, isUuid } from '../tenancy/arguments.ts'
import type { Settings } from '../tenancy/settings.ts'
import { schemaDigest } from './transfer-plan.ts'
import type { TransferContents } from './transfer-plan.ts'

/** The first line. */
export interface ExportHeader extends TransferContents {
  readonly organization: string
}

/** The last line. */
export interface ExportFooter {
  /** The number of rows of each table that has some. */
  readonly rows: Readonly<Record<string, number>>
  /** Of all bytes before the footer. */
  readonly sha256: string
}

/** A row, or what follows of it when all rows are there. */
export interface ExportedRow {
  readonly table: string
  readonly isLater: boolean
  readonly values: Readonly<Record<string, unknown>>
}

const kind = 'ibex-db tenant'
const version = 1
const jsonTypes: ReadonlySet<string> = new Set(['boolean', 'smallint', 'integer'])

/** How PostgreSQL writes values, whatever the server, the role or the session prefers. */
export const exactOutput: Settings = {
  timezone: 'UTC',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
}

/** The value of a column as a line holds it. */
export function exactValue(type: string | undefined, column: string): RawBuilder<unknown> {
  const reference = sql.ref(column)
  return jsonTypes.has(type ?? '') ? sql`${reference}` : sql`${reference}::text`
}

/** Writes the first line. */
export function headerLine({ organization, embeddings, secrets }: ExportHeader): string {
  return line({ export: kind, version, schema: schemaDigest, organization, embeddings, secrets })
}

/** Writes a line. */
export function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

/**
 * Reads the first line.
 *
 * @throws {InvalidExportError} when it is not the header of an export, or of one that fits neither this version nor its schema.
 */
export function parseHeader(text: string): ExportHeader {
  const header = parse(text, 1)
  if (header['export'] !== kind) throw new InvalidExportError(1, 'is not the header of an export of a tenant')
  if (header['version'] !== version)
    throw new InvalidExportError(1, `has another format: this version of ibex-db reads version ${version}`)
  if (header['schema'] !== schemaDigest)
    throw new InvalidExportError(
      1,
      'comes from another schema: export and import with the same version of ibex-db, migrated up to it',
    )
  const { organization, embeddings, secrets } = header
  if (!isUuid(organization) || typeof embeddings !== 'boolean' || typeof secrets !== 'boolean')
    throw new InvalidExportError(1, 'is not the header of an export of a tenant')
  return { organization: organization.toLowerCase(), embeddings, secrets }
}

/**
 * Reads a line after the first.
 *
 * @throws {InvalidExportError} when it is neither a row nor a footer.
 */
export function parseLine(text: string, number: number): ExportedRow | ExportFooter {
  const { table, row, later, rows, sha256, ...others } = parse(text, number)
  if (Object.keys(others).length > 0) throw new InvalidExportError(number, 'holds something unknown')
  if (typeof sha256 === 'string' && isPlainObject(rows) && table === undefined) {
    // a count that is no number equals none that is counted
    return { rows: rows as ExportFooter['rows'], sha256 }
  }
  const values = row ?? later
  if (typeof table !== 'string' || !isPlainObject(values) || (row !== undefined && later !== undefined))
    throw new InvalidExportError(number, 'is neither a row nor the end')
  return { table, isLater: row === undefined, values }
}

function parse(text: string, number: number): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // the parser's message quotes the text
    throw new InvalidExportError(number, 'is no JSON: the export is damaged or cut off')
  }
  if (isPlainObject(value)) return value
  throw new InvalidExportError(number, 'is no JSON object')
}
