/** The mutants: each takes one piece of the isolation away. */
import type { CatalogPolicy, CatalogRelation, CatalogRole } from '../doctor/catalog.ts'
import { relationObject, roleObject } from '../doctor/objects.ts'
import { readsTenants } from '../doctor/tenant-readers.ts'
import { keyMutants } from './key-mutants.ts'
import type { Mutant } from './mutant.ts'
import { provenTablesOf } from './model.ts'
import type { TestModel, TestPartition, TestTable } from './model.ts'
import { quoteName } from './sql-text.ts'

/** All mutants of a schema. */
export function planMutants(model: TestModel): readonly Mutant[] {
  return [
    ...provenTablesOf(model).flatMap((table) => mutantsOfTable(model, table)),
    ...model.partitions.flatMap((partition) => partitionMutants(model, partition)),
    ...viewMutants(model),
    ...model.sequences.map((sequence) => sequenceMutant(model, sequence)),
    ...model.schema.appRoles.flatMap((role) => roleMutants(role)),
  ]
}

function mutantsOfTable(model: TestModel, table: TestTable): readonly Mutant[] {
  const policies = table.policies.flatMap((policy) => policyMutants(model, table, policy))
  return [...policies, ...tableMutants(model, table), ...keyMutants(model, table)]
}

function sequenceMutant(model: TestModel, sequence: CatalogRelation): Mutant {
  return {
    name: `${relationObject(sequence)}: grant select`,
    kind: 'sequence',
    subject: sequence.id,
    likely: ['sequence'],
    apply: `grant select on sequence ${sequence.sql} to ${roleSql(model)}`,
  }
}

function roleMutants(role: CatalogRole): readonly Mutant[] {
  return ['bypassrls', 'superuser'].map((attribute) => ({
    name: `${roleObject(role)}: ${attribute}`,
    kind: 'role',
    subject: `role ${role.name}`,
    likely: ['role'],
    apply: `alter role ${role.sql} ${attribute}`,
  }))
}

/** What a statement of this kind needs of the role; without it a policy about it changes nothing. */
type Command = 'select' | 'insert' | 'update' | 'delete'

function policyMutants(model: TestModel, table: TestTable, policy: CatalogPolicy): readonly Mutant[] {
  const name = `policy ${policy.sql} on ${table.relation.sql}`
  const isOfRole = policy.roles.some((role) => role === 'public' || model.schema.reach.has(role))
  const base = { kind: 'policy' as const, subject: table.relation.id, triggersOf: table.relation.sql }
  if (!isOfRole) {
    const equivalent = `it is of other roles: ${policy.roles.join(', ')}`
    return [{ ...base, name: `${name}: any change`, likely: [], apply: '', equivalent }]
  }
  const alter = `alter policy ${policy.sql} on ${table.relation.sql}`
  const commands: readonly Command[] =
    policy.command === 'all' ? ['select', 'insert', 'update', 'delete'] : [policy.command]
  const read = commands.filter((command) => command !== 'insert')
  const written = commands.filter((command) => command === 'insert' || command === 'update')
  const drop: Mutant = {
    ...base,
    name: `${name}: drop`,
    likely: ['own rows'],
    apply: `drop policy ${policy.sql} on ${table.relation.sql}`,
    equivalent: withoutRights(table, commands),
  }
  const weaken: Mutant = {
    ...base,
    name: `${name}: using (true)`,
    likely: ['read', 'update', 'delete'],
    apply: `${alter} using (true)`,
    equivalent: withoutRights(table, read),
  }
  const open: Mutant = {
    ...base,
    name: `${name}: with check (true)`,
    likely: ['insert', 'update', 'upsert'],
    apply: `${alter} with check (true)`,
    equivalent: withoutWrites(model, table, written),
  }
  return [drop, ...(read.length > 0 ? [weaken] : []), ...(written.length > 0 ? [open] : [])]
}

function tableMutants(model: TestModel, table: TestTable): readonly Mutant[] {
  const { relation } = table
  const { sql, owner, hasRls } = relation
  const role = roleSql(model)
  const base = { subject: relation.id, triggersOf: sql }
  const everything: readonly Command[] = ['select', 'insert', 'update', 'delete']
  const name = relationObject(relation)
  const isOwner = model.schema.reach.has(owner)
  const ofRls: readonly Mutant[] = hasRls
    ? [
        {
          ...base,
          kind: 'policy',
          name: `${name}: a second permissive policy`,
          likely: ['read', 'insert'],
          apply: `create policy ibex_mutant on ${sql} to ${role} using (true) with check (true)`,
          equivalent: withoutRights(table, everything),
        },
        {
          ...base,
          kind: 'force',
          name: `${name}: no force row level security`,
          likely: ['read'],
          apply: `alter table ${sql} no force row level security`,
          equivalent: isOwner ? undefined : 'the role is not its owner, and FORCE holds owners only',
        },
        {
          ...base,
          kind: 'force',
          name: `${name}: disable row level security`,
          likely: ['read'],
          apply: `alter table ${sql} disable row level security`,
          equivalent: withoutRights(table, everything),
        },
      ]
    : []
  return [
    ...ofRls,
    {
      ...base,
      kind: 'grant',
      name: `${name}: grant truncate`,
      likely: ['truncate'],
      apply: `grant truncate on ${sql} to ${role}`,
    },
    {
      ...base,
      kind: 'grant',
      name: `${name}: owner to the role`,
      likely: ['owner'],
      apply: `alter table ${sql} owner to ${role}`,
    },
  ]
}

function partitionMutants(model: TestModel, { relation }: TestPartition): readonly Mutant[] {
  const role = roleSql(model)
  const name = relationObject(relation)
  const base = { kind: 'grant' as const, subject: relation.id, likely: ['partition' as const] }
  const grant = `grant select on ${relation.sql} to ${role}`
  const disable = `alter table ${relation.sql} disable row level security`
  const truncate: Mutant = {
    ...base,
    name: `${name}: grant truncate`,
    apply: `grant truncate on ${relation.sql} to ${role}`,
  }
  if (!relation.hasRls) return [truncate, { ...base, name: `${name}: grant select`, apply: grant }]
  const hasPolicy = model.schema.catalog.policies.some((policy) => policy.relation === relation.id)
  return [
    truncate,
    {
      ...base,
      name: `${name}: grant select`,
      apply: grant,
      equivalent: hasPolicy ? undefined : 'row-level security without a policy shows nothing',
    },
    {
      ...base,
      name: `${name}: disable row level security`,
      apply: disable,
      equivalent: 'the role has no right on it',
    },
    { ...base, name: `${name}: grant select, disable row level security`, apply: `${grant}; ${disable}` },
  ]
}

function viewMutants({ views, schema }: TestModel): readonly Mutant[] {
  const held = views.filter(({ relation }) => relation.kind === 'view' && relation.isInvoker)
  return held.map(({ relation }) => ({
    name: `${relationObject(relation)}: reset (security_invoker)`,
    kind: 'view',
    subject: relation.id,
    likely: ['view'],
    apply: `alter view ${relation.sql} reset (security_invoker)`,
    equivalent: readsTenants(schema, relation) ? undefined : 'it reads no table of a tenant',
  }))
}

/** The reason why a policy about these commands changes nothing, if there is one. */
function withoutRights(table: TestTable, commands: readonly Command[]): string | undefined {
  const { columns, facts } = table
  const held: Readonly<Record<Command, boolean>> = {
    select: columns.some(({ maySelect }) => maySelect),
    insert: columns.some(({ mayInsert }) => mayInsert),
    update: columns.some(({ mayUpdate }) => mayUpdate),
    delete: facts?.mayDelete === true,
  }
  if (commands.some((command) => held[command])) return undefined
  return `the role may not ${commands.join(', ')} there`
}

/** Likewise for what new rows must be: only an INSERT, or an UPDATE of what ties a row to its tenant, makes a row of another. */
function withoutWrites(model: TestModel, table: TestTable, commands: readonly Command[]): string | undefined {
  const ties =
    table.tenantColumn === undefined
      ? table.foreignKeys.flatMap(({ constraint }) => constraint.columns)
      : [table.tenantColumn]
  const inserts = commands.includes('insert') && table.columns.some(({ mayInsert }) => mayInsert)
  const moves =
    commands.includes('update') &&
    table.columns.some(({ name, mayUpdate }) => mayUpdate && ties.includes(name))
  return inserts || moves ? undefined : 'the role may neither insert nor change what ties a row to its tenant'
}

function roleSql({ options }: TestModel): string {
  return quoteName(options.role)
}
