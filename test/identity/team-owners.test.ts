/** A team is never without an owner, and `owner_id` is one of its members, whoever writes and however. */
import { randomUUID } from 'node:crypto'
import { type Transaction, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  ForeignKeyViolationError,
  IbexError,
  LastOwnerError,
  NotNullViolationError,
  SerializationFailureError,
} from '../../src/errors.ts'
import type { TeamRepository } from '../../src/identity/team-repository.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { DB, NewTeam, Team, User } from '../../types/database.d.ts'
import { nextMoment } from '../support/next-moment.ts'
import { insertOrganization, insertTeam, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'

let tenants: TwoTenants
let mine: TenantScope
let teams: TeamRepository
let team: Team
let ana: User
let bob: User
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  await insertTeam(tenants.admin, { org_id: tenants.theirs.orgId })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.teams', 'ibex_core.team_memberships')
})

beforeEach(async () => {
  mine = tenants.database.forTenant((await insertOrganization(tenants.admin)).id)
  teams = mine.teams
  ana = await insertMine({ name: 'Ana' })
  bob = await insertMine({ name: 'Bob' })
  team = await insertTeam(tenants.admin, { org_id: mine.orgId, owner_id: ana.id })
})

afterEach(async () => {
  await theirsUnchanged()
  await everyTeamIsOwned()
})

afterAll(async () => {
  await tenants.close()
})

async function insertMine(values: Partial<User> = {}): Promise<User> {
  return await insertUser(tenants.admin, { org_id: mine.orgId, ...values })
}

/** Of all tenants, as the owner of the tables sees them. */
async function everyTeamIsOwned(): Promise<void> {
  const { rows } = await sql`select id from ibex_core.teams where not exists (
    select from ibex_core.team_memberships member where member.org_id = teams.org_id and member.team_id = teams.id
      and member.user_id = teams.owner_id and member.role = 'owner')`.execute(tenants.admin)
  expect(rows).toEqual([])
}

async function roles(id = team.id): Promise<Record<string, string>> {
  const members = await teams.members(id)
  return Object.fromEntries(members.map(({ name, role }) => [name, role]))
}

async function holder(): Promise<string> {
  return (await teams.findByIdOrThrow(team.id, { includeDeleted: true })).owner_id
}

function codeOf(error: unknown): string {
  return error instanceof IbexError ? error.code : String(error)
}

function teamOfBob(slug: string): NewTeam {
  return { name: 'Team', slug, owner_id: bob.id }
}

/**
 * Undoes what the callback does, in a transaction whose keys count as the last ones: PostgreSQL fires the triggers of foreign
 * keys in the order of their names, which end in a number that counts up.
 */
async function withLaterKeys(run: (trx: Transaction<DB>) => Promise<void>): Promise<void> {
  const undone = tenants.admin.transaction().execute(async (trx) => {
    for (const [table, name] of laterKeys) {
      const key = sql.id(name)
      const { rows } = await sql<{ definition: string }>`select pg_get_constraintdef(oid) as definition
        from pg_constraint where conname = ${name}`.execute(trx)
      await sql`alter table ${sql.table(`ibex_core.${table}`)} drop constraint ${key},
        add constraint ${key} ${sql.raw(rows[0]?.definition ?? '')}`.execute(trx)
    }
    await run(trx)
    throw new Undone('rolled back on purpose')
  })
  expect(await failure(async () => await undone)).toBeInstanceOf(Undone)
}

const laterKeys = [
  ['teams', 'teams_org_id_fkey'],
  ['users', 'users_org_id_fkey'],
  ['teams', 'teams_org_id_owner_id_fkey'],
] as const

class Undone extends Error {}

describe('a new team', () => {
  test('has its owner among its members, however it is inserted', async () => {
    const made = [
      await teams.insert(teamOfBob('insert')),
      ...(await teams.insertMany([teamOfBob('many-1'), teamOfBob('many-2')])),
      await teams.upsert(teamOfBob('upsert'), { conflict: ['slug'] }),
      await mine.db
        .insertInto('ibex_core.teams')
        .values(teamOfBob('plain'))
        .returningAll()
        .executeTakeFirstOrThrow(),
    ]
    for (const { id } of made) expect(await roles(id)).toEqual({ Bob: 'owner' })
  })

  test('gives an owner who comes by upsert or update the membership', async () => {
    const row = { name: 'Team', slug: team.slug, owner_id: bob.id }
    await teams.upsert(row, { conflict: ['slug'] })
    expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner' })
    const eve = await insertMine({ name: 'Eve' })
    await teams.addMember(team.id, eve.id, 'viewer')
    await teams.update(team.id, { owner_id: eve.id })
    expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner', Eve: 'owner' })
  })

  test('is not inserted without an owner: none, unknown, deleted, of another tenant', async () => {
    const deleted = await insertMine({ deleted_at: new Date() })
    const stranger = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
    const before = await teams.count()
    for (const id of [randomUUID(), deleted.id, stranger.id]) {
      const error = await failure(
        async () => await teams.insert({ name: 'Team', slug: 'ownerless', owner_id: id }),
      )
      expect(error).toBeInstanceOf(ForeignKeyViolationError)
      expect(error).toMatchObject({ table: 'teams', constraint: 'teams_org_id_owner_id_fkey' })
      expect(error.message).not.toContain(id)
    }
    const ownerless = { name: 'Team', slug: 'ownerless' }
    const error = await failure(async () => await teams.insert(ownerless as never))
    expect(error).toBeInstanceOf(NotNullViolationError)
    expect(await teams.count()).toBe(before)
    expect(await mine.teamMemberships.count()).toBe(1)
  })
})

const departures: Readonly<Record<string, (user: User, scope: TenantScope) => Promise<unknown>>> = {
  removeMember: async ({ id }, scope) => await scope.teams.removeMember(team.id, id),
  changeRole: async ({ id }, scope) => await scope.teams.changeRole(team.id, id, 'member'),
  'plain delete': async ({ id }, { db }) =>
    await db.deleteFrom('ibex_core.team_memberships').where('user_id', '=', id).execute(),
  'plain update of the role': async ({ id }, { db }) =>
    await db
      .updateTable('ibex_core.team_memberships')
      .set({ role: 'viewer' })
      .where('user_id', '=', id)
      .execute(),
}

describe('an owner who leaves', () => {
  test.each(Object.entries(departures))('is refused when it is the last: %s', async (_, leave) => {
    await teams.addMember(team.id, bob.id, 'admin')
    const error = await failure(async () => await leave(ana, mine))
    expect(error).toBeInstanceOf(LastOwnerError)
    expect(error).toMatchObject({ code: 'last_owner', table: 'team_memberships' })
    expect(error.message).not.toContain(team.id)
    expect(error.message).not.toContain(ana.id)
    expect(await roles()).toEqual({ Ana: 'owner', Bob: 'admin' })
  })

  test.each(Object.entries(departures))('hands the team to another owner: %s', async (_, leave) => {
    await teams.addMember(team.id, bob.id, 'owner')
    await leave(ana, mine)
    expect(await holder()).toBe(bob.id)
    expect(await failure(async () => await leave(bob, mine))).toBeInstanceOf(LastOwnerError)
  })

  test('hands it to the active one who has been a member longest, and to nobody who was deleted', async () => {
    const suspended = await insertMine({ status: 'suspended' })
    const deleted = await insertMine()
    const eve = await insertMine({ name: 'Eve' })
    for (const { id } of [suspended, deleted, eve, bob]) {
      await nextMoment()
      await teams.addMember(team.id, id, 'owner')
    }
    await mine.users.softDelete(deleted.id)
    for (const next of [eve, bob, suspended]) {
      await teams.removeMember(team.id, await holder())
      expect(await holder()).toBe(next.id)
    }
    const error = await failure(async () => await teams.removeMember(team.id, suspended.id))
    expect(error).toBeInstanceOf(LastOwnerError)
  })

  test('leaves the team where it is when another one holds it', async () => {
    await teams.addMember(team.id, bob.id, 'owner')
    await teams.removeMember(team.id, bob.id)
    expect(await holder()).toBe(ana.id)
    expect(await roles()).toEqual({ Ana: 'owner' })
  })

  test('does not turn into somebody else, or move to another team, when it is the last', async () => {
    const other = await insertTeam(tenants.admin, { org_id: mine.orgId, owner_id: bob.id })
    const membership = await mine.teamMemberships.findOne({ team_id: team.id })
    for (const patch of [{ user_id: bob.id }, { team_id: other.id }]) {
      const error = await failure(async () => await mine.teamMemberships.update(membership?.id ?? '', patch))
      expect(error).toBeInstanceOf(LastOwnerError)
    }
    expect(await roles()).toEqual({ Ana: 'owner' })
  })

  test('is refused with all others in one statement', async () => {
    await teams.addMember(team.id, bob.id, 'owner')
    const plain = mine.db.deleteFrom('ibex_core.team_memberships')
    expect(await failure(async () => await plain.execute())).toBeInstanceOf(LastOwnerError)
    expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner' })
  })
})

describe('a deletion', () => {
  test('of the user who holds a team is refused, whoever else owns it', async () => {
    await teams.addMember(team.id, bob.id, 'owner')
    const error = await failure(async () => await mine.users.delete(ana.id))
    expect(error).toBeInstanceOf(ForeignKeyViolationError)
    expect(error).toMatchObject({ constraint: 'teams_org_id_owner_id_fkey' })
    expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner' })
    await teams.transferOwnership(team.id, bob.id)
    expect(await mine.users.delete(ana.id)).toBe(true)
    expect(await roles()).toEqual({ Bob: 'owner' })
  })

  test('of another owner takes the membership along', async () => {
    await teams.addMember(team.id, bob.id, 'owner')
    expect(await mine.users.delete(bob.id)).toBe(true)
    expect(await roles()).toEqual({ Ana: 'owner' })
  })

  test('of the team takes its memberships along, and no others', async () => {
    const other = await insertTeam(tenants.admin, { org_id: mine.orgId, owner_id: ana.id })
    await teams.addMember(team.id, bob.id, 'owner')
    expect(await teams.delete(team.id)).toBe(true)
    expect(await mine.teamMemberships.find()).toHaveLength(1)
    expect(await roles(other.id)).toEqual({ Ana: 'owner' })
  })

  test('of the organization takes everything along, as the system role and as a superuser', async () => {
    const second = await insertOrganization(tenants.admin)
    await insertTeam(tenants.admin, { org_id: second.id })
    await teams.addMember(team.id, bob.id, 'owner')
    await tenants.database.asSystem('a deletion in a test', async ({ db }) => {
      await db.deleteFrom('ibex_core.organizations').where('id', '=', mine.orgId).execute()
    })
    await tenants.admin.deleteFrom('ibex_core.organizations').where('id', '=', second.id).execute()
    for (const table of ['users', 'teams', 'team_memberships'] as const) {
      const left = await tenants.admin
        .selectFrom(`ibex_core.${table}`)
        .select('id')
        .where('org_id', 'in', [mine.orgId, second.id])
        .execute()
      expect({ table, left }).toEqual({ table, left: [] })
    }
  })
})

describe('where the keys were created in another order, as a restored dump may have them', () => {
  test('an organization is deleted with its teams', async () => {
    await withLaterKeys(async (trx) => {
      await trx.deleteFrom('ibex_core.organizations').where('id', '=', mine.orgId).execute()
      const left = trx.selectFrom('ibex_core.team_memberships').select('id').where('org_id', '=', mine.orgId)
      expect(await left.execute()).toEqual([])
    })
  })

  test('the user who holds a team is not deleted, whoever else owns it', async () => {
    await teams.addMember(team.id, bob.id, 'owner')
    await withLaterKeys(async (trx) => {
      const deletion = trx.deleteFrom('ibex_core.users').where('id', '=', ana.id)
      await expect(deletion.execute()).rejects.toThrow(expect.objectContaining({ code: '23503' }))
    })
  })
})

describe('at the same time', skipOnEmbedded('one connection: nothing happens at once'), () => {
  test.each(Object.entries(departures))('one of two owners stays, 40 times: %s', async (_, leave) => {
    await teams.addMember(team.id, bob.id, 'owner')
    const other = tenants.database.forTenant(mine.orgId)
    for (let round = 0; round < 40; round++) {
      const results = await Promise.allSettled([leave(ana, mine), leave(bob, other)])
      const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      expect(reasons).toEqual([expect.any(LastOwnerError)])
      await everyTeamIsOwned()
      for (const { id } of [ana, bob]) await teams.transferOwnership(team.id, id)
    }
  })

  test('whatever is done, the team has its owner among its members', async () => {
    const users = [ana, bob, await insertMine()]
    const scopes = Array.from({ length: 9 }, () => tenants.database.forTenant(mine.orgId))
    const codes = new Set<string>()
    for (let round = 0; round < 60; round++) {
      const changes = scopes.map(async (scope, index) => {
        const { id } = users[(index + round) % users.length] ?? ana
        const kind = (index * 7 + round) % 5
        if (kind === 0) return await scope.teams.transferOwnership(team.id, id)
        if (kind === 1) return await scope.teams.removeMember(team.id, id)
        if (kind === 2) return await scope.teams.addMember(team.id, id, 'owner')
        return await scope.teams.changeRole(team.id, id, kind === 3 ? 'member' : 'owner')
      })
      for (const result of await Promise.allSettled(changes))
        if (result.status === 'rejected') codes.add(codeOf(result.reason))
      await everyTeamIsOwned()
    }
    // above all no deadlock
    expect(['last_owner', 'unique_violation']).toEqual(expect.arrayContaining([...codes]))
  })

  test('makes an owner of a member whom another transaction adds at this moment', async () => {
    let transfer: Promise<unknown> | undefined
    await mine.transaction(async (trx) => {
      await trx.teams.addMember(team.id, bob.id, 'viewer')
      const other = tenants.database.forTenant(mine.orgId)
      transfer = runOutsideTransaction(async () => await other.teams.transferOwnership(team.id, bob.id))
      await untilBlocked(tenants.admin)
    })
    await transfer
    expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner' })
  })

  test.each(['repeatable read', 'serializable'] as const)(
    'does not decide by owners of the past: %s',
    async (isolationLevel) => {
      await teams.addMember(team.id, bob.id, 'owner')
      const other = tenants.database.forTenant(mine.orgId)
      const late = mine.transaction(
        async (trx) => {
          await trx.teams.count()
          await runOutsideTransaction(async () => await other.teams.removeMember(team.id, bob.id))
          await trx.db.deleteFrom('ibex_core.team_memberships').where('user_id', '=', ana.id).execute()
        },
        { isolationLevel },
      )
      expect(await failure(async () => await late)).toBeInstanceOf(SerializationFailureError)
      expect(await roles()).toEqual({ Ana: 'owner' })
    },
  )
})
