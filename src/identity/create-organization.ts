/** Signs an organization up. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { DB, JsonObject, Organization, OrganizationTier, User } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { UniqueViolationError } from '../errors.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'
import { checkFilledText } from '../tenancy/arguments.ts'
import { checkEmail, checkSlug, signInColumns } from './identity-arguments.ts'
import type { SignIn } from './identity-arguments.ts'

/** An organization that is to be created. */
export interface OrganizationInput {
  readonly name: string
  /** The name in URLs, unique among all organizations: lower-case letters, digits and hyphens. */
  readonly slug: string
  /** Default: `free`. */
  readonly tier?: OrganizationTier | undefined
  readonly billingEmail?: string | null | undefined
  readonly settings?: JsonObject | undefined
  readonly owner: OwnerInput
}

/** The first owner of an organization. */
export interface OwnerInput extends SignIn {
  readonly email: string
  readonly username?: string | null | undefined
}

/** An organization and its first owner. */
export interface CreatedOrganization {
  readonly organization: Organization
  readonly owner: User
}

/**
 * Creates an organization with its first owner, who is active, in one statement.
 *
 * It takes the system's scope: a tenant cannot create another one.
 *
 * ```ts
 * const { organization, owner } = await database.asSystem('sign-up of a clinic', async (system) =>
 *   await createOrganization(system, { name: 'Alder Clinic', slug: 'alder', owner: { email: 'ana@alder.example' } }))
 * ```
 *
 * The answer to a taken slug tells that another organization has it: a slug that must not be guessed is not a name.
 *
 * @throws {InvalidArgumentError} when the name is blank, the slug or an email address has not its form, or `ssoProvider` is
 *   given without `ssoSubject`.
 * @throws {UniqueViolationError} when another organization has the slug (`organizations_slug_key`).
 */
export async function createOrganization<D extends DB>(
  system: SystemScope<D>,
  input: OrganizationInput,
): Promise<CreatedOrganization> {
  const organization = given(organizationColumns(input))
  const owner = given(ownerColumns(input.owner))
  const query = sql<Record<string, unknown>>`with organization as (
      insert into ibex_core.organizations (${names(organization)}) values (${values(organization)}) returning *
    ), owner as (
      insert into ibex_core.users (org_id, ${names(owner)}) select id, ${values(owner)} from organization returning *
    )
    select ${selected('organization', tables['ibex_core.organizations'].columns)},
      ${selected('owner', tables['ibex_core.users'].columns)} from organization, owner`
  try {
    const { rows } = await query.execute(system.db)
    return split(rows[0] ?? {})
  } catch (error) {
    throw explainSlug(error)
  }
}

type Columns = Readonly<Record<string, unknown>>

function organizationColumns({ name, slug, tier, billingEmail, settings }: OrganizationInput): Columns {
  return {
    name: checkFilledText('name', name),
    slug: checkSlug('slug', slug),
    tier,
    billing_email:
      billingEmail === undefined || billingEmail === null
        ? billingEmail
        : checkEmail('billingEmail', billingEmail),
    settings,
  }
}

function ownerColumns(owner: OwnerInput): Columns {
  return {
    email: checkEmail('owner.email', owner?.email),
    username: owner.username,
    ...signInColumns(owner),
    role: 'owner',
    status: 'active',
  }
}

/** What is left out takes its default. */
function given(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}

function names(columns: Columns): RawBuilder<unknown> {
  return sql.join(Object.keys(columns).map((column) => sql.ref(column)))
}

function values(columns: Columns): RawBuilder<unknown> {
  return sql.join(Object.values(columns))
}

/** Each column as itself: as JSON, dates and bigints would arrive as something else. */
function selected(source: 'organization' | 'owner', columns: Columns): RawBuilder<unknown> {
  return sql.join(
    Object.keys(columns).map(
      (column) => sql`${sql.ref(`${source}.${column}`)} as ${sql.id(`${source}.${column}`)}`,
    ),
  )
}

function split(row: Columns): CreatedOrganization {
  const columnsOf = (source: string): Columns =>
    Object.fromEntries(
      Object.entries(row).flatMap(([name, value]) =>
        name.startsWith(`${source}.`) ? [[name.slice(source.length + 1), value]] : [],
      ),
    )
  // all columns of the two tables were selected, under these prefixes
  return {
    organization: columnsOf('organization'),
    owner: columnsOf('owner'),
  } as unknown as CreatedOrganization
}

/** The mapped error speaks of a tenant, and this key is the only one that all tenants share. */
function explainSlug(error: unknown): unknown {
  if (!(error instanceof UniqueViolationError) || error.constraint !== 'organizations_slug_key') return error
  const { sqlState, schema, table, constraint, columns } = error
  return new UniqueViolationError(
    'another organization has this slug: choose another',
    { sqlState, schema, table, constraint, columns },
    { cause: error },
  )
}
