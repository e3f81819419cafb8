/** The doctor: reads the catalog once, and asks every rule. */
import { Kysely, PostgresDialect } from 'kysely'
import { ConnectionPool } from '../database/connection-pool.ts'
import { resolveOptions } from '../database/options.ts'
import type { DatabaseTarget } from '../database/options.ts'
import { InvalidArgumentError } from '../errors.ts'
import { mapDatabaseError } from '../database/map-error.ts'
import { applyBaseline, checkBaseline } from './baseline.ts'
import type { Catalog } from './catalog.ts'
import { examine } from './examine.ts'
import { findingOf } from './findings.ts'
import type { AcceptedFinding, Finding } from './findings.ts'
import { resolveDoctorOptions } from './options.ts'
import type { DoctorOptions, ResolvedDoctorOptions } from './options.ts'
import { readCatalog } from './read-catalog.ts'
import { rules } from './rules.ts'

/** What the doctor found. */
export interface Report {
  /** What is wrong and not accepted, in the order of the rules. */
  readonly findings: readonly Finding[]
  /** What the baseline accepts. */
  readonly accepted: readonly AcceptedFinding[]
  readonly examined: ReportScope
}

/** How much was looked at: a clean report of nothing says nothing. */
export interface ReportScope {
  readonly tenantTables: number
  readonly partitions: number
  /** Views, sequences and tables without a tenant. */
  readonly others: number
  readonly rules: number
}

/**
 * Examines how a schema keeps tenants apart.
 *
 * ```ts
 * const report = await diagnose({ url }, { schemas: ['public'], tenantColumn: 'tenant_id', roles: ['my_app'] })
 * ```
 *
 * Reads the catalog in one read-only transaction and changes nothing. Any login that may read the catalog will do; it
 * needs no right on the tables.
 *
 * @throws {UnreadableCatalogError} when the login may not read a part of the catalog.
 * @throws {InvalidArgumentError} when an option is not what it should be, a schema does not exist, or `target` is a transaction.
 * @throws {InvalidBaselineError} when the baseline is not one.
 */
export async function diagnose<DB>(
  target: Kysely<DB> | DatabaseTarget,
  options: DoctorOptions = {},
): Promise<Report> {
  const resolved = resolveDoctorOptions(options)
  const baseline = checkBaseline(options.baseline ?? { accepted: [] })
  const catalog = await withDatabase(target, async (db) => await readOnce(db, resolved))
  const report = judgeCatalog(catalog, resolved)
  return { ...report, ...applyBaseline(report.findings, baseline) }
}

/** Asks every rule about a catalog that was read: a pure function. */
export function judgeCatalog(catalog: Catalog, options: ResolvedDoctorOptions): Report {
  const schema = examine(catalog, options)
  const findings = rules.flatMap((rule) => Array.from(rule.find(schema), (fault) => findingOf(rule, fault)))
  const [tenantTables, partitions] = [schema.tenantTables.length, schema.partitions.length]
  const others = catalog.relations.length - tenantTables - partitions
  return { findings, accepted: [], examined: { tenantTables, partitions, others, rules: rules.length } }
}

/** Calls back with a Kysely on the target, and closes what it opened. */
export async function withDatabase<DB, T>(
  target: Kysely<DB> | DatabaseTarget,
  callback: (db: Kysely<DB>) => Promise<T>,
): Promise<T> {
  if (!isTarget(target)) return await mapped(async () => await callback(target))
  const pool = new ConnectionPool(
    resolveOptions({ ...target, poolSize: 1, applicationName: 'ibex-db doctor' }),
  )
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
  try {
    return await mapped(async () => await callback(db))
  } finally {
    await db.destroy()
  }
}

function isTarget(target: object): target is DatabaseTarget {
  return 'url' in target || 'embedded' in target
}

async function readOnce<DB>(db: Kysely<DB>, options: ResolvedDoctorOptions): Promise<Catalog> {
  if (db.isTransaction)
    throw new InvalidArgumentError('target', 'must not be a transaction: the doctor opens its own')
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => await readCatalog(trx, options))
}

async function mapped<T>(callback: () => Promise<T>): Promise<T> {
  try {
    return await callback()
  } catch (error) {
    throw mapDatabaseError(error)
  }
}
