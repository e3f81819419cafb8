/** The options of the doctor, checked before anything is read. */
import { InvalidArgumentError } from '../errors.ts'

/** What the doctor takes for granted about a schema; the defaults are what ibex-db makes. */
export interface DoctorOptions {
  /** The schemas to examine; all but PostgreSQL's own and those of extensions when left out. */
  readonly schemas?: readonly string[] | undefined
  /** The column that ties a row to its tenant (default `org_id`). */
  readonly tenantColumn?: string | undefined
  /** The setting that holds the tenant (default `app.current_org_id`). */
  readonly setting?: string | undefined
  /** The roles that a tenant's statements run as (default `ibex_app`). */
  readonly roles?: readonly string[] | undefined
  /** Findings that were looked at and accepted. */
  readonly baseline?: Baseline | undefined
}

/** Findings that somebody looked at and accepted: a JSON file beside the code. */
export interface Baseline {
  readonly accepted: readonly BaselineEntry[]
}

/** One accepted finding. */
export interface BaselineEntry {
  /** The code of the rule. */
  readonly code: string
  /** The object, exactly as the report names it. */
  readonly object: string
  /** Why it may stay. */
  readonly reason: string
}

/** {@link DoctorOptions} with every default filled in. */
export interface ResolvedDoctorOptions {
  readonly schemas: readonly string[] | undefined
  readonly tenantColumn: string
  readonly setting: string
  readonly roles: readonly string[]
}

const known: ReadonlySet<string> = new Set<keyof DoctorOptions>([
  'schemas',
  'tenantColumn',
  'setting',
  'roles',
  'baseline',
])

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {InvalidArgumentError} when one does not exist or is not what it should be.
 */
export function resolveDoctorOptions(options: DoctorOptions): ResolvedDoctorOptions {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw new InvalidArgumentError(name, 'is no option of the doctor')
  }
  return {
    schemas: options.schemas === undefined ? undefined : checkNames('schemas', options.schemas),
    tenantColumn: checkName('tenantColumn', options.tenantColumn ?? 'org_id'),
    setting: checkSetting(options.setting ?? 'app.current_org_id'),
    roles: checkNames('roles', options.roles ?? ['ibex_app']),
  }
}

function checkNames(argument: string, names: unknown): readonly string[] {
  if (Array.isArray(names) && names.length > 0) return names.map((name) => checkName(argument, name))
  throw new InvalidArgumentError(argument, 'must be a list of at least one name')
}

function checkName(argument: string, name: unknown): string {
  // PostgreSQL counts bytes, and would cut a longer name off to one that exists
  if (typeof name === 'string' && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63) {
    return name
  }
  throw new InvalidArgumentError(argument, 'must be a name of 1 to 63 bytes')
}

function checkSetting(setting: unknown): string {
  if (typeof setting === 'string' && /^\w+(?:\.\w+)+$/u.test(setting)) return setting
  throw new InvalidArgumentError('setting', 'must be the name of a custom setting: app.current_org_id')
}
