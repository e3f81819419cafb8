/** The options that the parts of the test kit share, checked before anything is opened. */
import { InvalidArgumentError } from '../errors.ts'
import { resolveDoctorOptions } from '../doctor/options.ts'
import type { ResolvedDoctorOptions } from '../doctor/options.ts'

/** How the kit finds its way in a schema; the defaults are what ibex-db makes. */
export interface TestingOptions {
  /** The schemas to prove; all but PostgreSQL's own and those of extensions when left out. */
  readonly schemas?: readonly string[] | undefined
  /** The column that ties a row to its tenant (default `org_id`). */
  readonly tenantColumn?: string | undefined
  /** The setting that holds the tenant (default `app.current_org_id`). */
  readonly setting?: string | undefined
  /** The settings of a tenant's statements, where one is not enough (default: the `setting`, with the tenant). */
  readonly settings?: ((tenant: string) => Readonly<Record<string, string>>) | undefined
  /** The role that a tenant's statements run as (default `ibex_app`). */
  readonly role?: string | undefined
  /** Values for tables that cannot be filled from the catalog alone, by the table's name with its schema. */
  readonly factories?: Readonly<Record<string, RowFactory>> | undefined
  /** Objects that are not proven, each with the reason why: `{ 'public.jobs': 'is for the worker alone' }`. */
  readonly exempt?: Readonly<Record<string, string>> | undefined
  /** Chooses the generated ids (default 1). */
  readonly seed?: number | undefined
  /** Goes on where tables hold rows already (default false): what the kit does is rolled back, but it locks tables. */
  readonly acceptExistingRows?: boolean | undefined
}

/** Values of some columns of a row; the others are generated. */
export type RowFactory = (context: RowContext) => Readonly<Record<string, unknown>>

/** Which row is asked for. */
export interface RowContext {
  /** Undefined for a table that all tenants share. */
  readonly tenant: string | undefined
  /** 1 for the first row of the tenant. */
  readonly number: number
}

/** {@link TestingOptions} with every default filled in. */
export interface ResolvedTestingOptions {
  readonly doctor: ResolvedDoctorOptions
  readonly role: string
  readonly settings: (tenant: string) => Readonly<Record<string, string>>
  readonly factories: Readonly<Record<string, RowFactory>>
  readonly exempt: Readonly<Record<string, string>>
  readonly seed: number
  readonly acceptExistingRows: boolean
}

const known: ReadonlySet<string> = new Set<keyof TestingOptions>([
  'schemas',
  'tenantColumn',
  'setting',
  'settings',
  'role',
  'factories',
  'exempt',
  'seed',
  'acceptExistingRows',
])

/**
 * Checks the options and fills in the defaults; `further` names those that one function adds.
 *
 * @throws {InvalidArgumentError} when one does not exist or is not what it should be.
 */
export function resolveTestingOptions(
  options: TestingOptions,
  further: readonly string[] = [],
): ResolvedTestingOptions {
  for (const name of Object.keys(options)) {
    if (!known.has(name) && !further.includes(name))
      throw new InvalidArgumentError(name, 'is no option of the test kit')
  }
  const { schemas, tenantColumn, setting, settings, role = 'ibex_app', factories = {}, exempt = {} } = options
  const doctor = resolveDoctorOptions({ schemas, tenantColumn, setting, roles: [role] })
  for (const reason of Object.values(exempt)) {
    if (typeof reason !== 'string' || reason.trim() === '')
      throw new InvalidArgumentError('exempt', 'must give a reason for each object')
  }
  return {
    doctor,
    role,
    settings: settings ?? ((tenant) => ({ [doctor.setting]: tenant })),
    factories,
    exempt,
    seed: wholeNumber('seed', options.seed ?? 1),
    acceptExistingRows: options.acceptExistingRows ?? false,
  }
}

/**
 * Returns a whole number from 0 to 2,147,483,647.
 *
 * @throws {InvalidArgumentError} when it is none.
 */
export function wholeNumber(argument: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= 2_147_483_647) return value
  throw new InvalidArgumentError(argument, 'must be a whole number of at least 0')
}
