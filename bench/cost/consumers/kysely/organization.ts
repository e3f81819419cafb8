/** The same part of the same service on plain Kysely: each query written out, with its tenant. */
import type { Kysely } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import type { DB } from '../../../../types/database.d.ts'

export async function identity(db: Kysely<DB>, orgId: string, id: string) {
  const organization = await db
    .selectFrom('ibex_core.organizations')
    .selectAll()
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .executeTakeFirst()
  const renamed = await db
    .updateTable('ibex_core.organizations')
    .set({ name: 'Renamed', billing_email: null })
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  const users = await db
    .selectFrom('ibex_core.users')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('status', 'in', ['active', 'invited'])
    .where('role', '=', 'member')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const user = await db
    .insertInto('ibex_core.users')
    .values({ org_id: orgId, email: 'ana@example.com', name: 'Ana' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const deleted = await db
    .updateTable('ibex_core.users')
    .set({ deleted_at: new Date() })
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', user.id)
    .returningAll()
    .executeTakeFirst()
  const known = await db
    .selectFrom('ibex_core.users')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('email_lower', '=', 'ana@example.com')
    .executeTakeFirst()
  const teams = await db
    .selectFrom('ibex_core.teams')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('owner_id', '=', user.id)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const team = await db
    .insertInto('ibex_core.teams')
    .values({ org_id: orgId, name: 'Support', slug: 'support', owner_id: user.id })
    .returningAll()
    .executeTakeFirstOrThrow()
  const membership = await db
    .insertInto('ibex_core.team_memberships')
    .values({ org_id: orgId, team_id: team.id, user_id: user.id, role: 'admin' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const memberships = await db
    .selectFrom('ibex_core.team_memberships')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('team_id', '=', team.id)
    .limit(20)
    .execute()
  const tokens = await db
    .selectFrom('ibex_core.tokens')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('user_id', '=', user.id)
    .where('is_revoked', '=', false)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const living = await db
    .selectFrom('ibex_core.tokens')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('org_id', '=', orgId)
    .where('is_revoked', '=', false)
    .executeTakeFirst()
  return [
    organization?.name,
    renamed?.billing_email,
    users.map((row) => row.email),
    deleted?.deleted_at,
    known?.name,
    team.slug,
    teams.map((row) => row.slug),
    membership.role,
    memberships.length,
    tokens.map((row) => row.prefix),
    living,
  ]
}

export async function agents(db: Kysely<DB>, orgId: string, id: string) {
  const agent = await db
    .selectFrom('ibex_core.agents')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const made = await db
    .insertInto('ibex_core.agents')
    .values({ org_id: orgId, name: 'Guide', slug: 'guide', tags: ['new'], status: 'draft' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const changed = await db
    .updateTable('ibex_core.agents')
    .set({ tagline: 'Shows the way', status: 'active' })
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', made.id)
    .returningAll()
    .executeTakeFirst()
  const page = await db
    .selectFrom('ibex_core.agents')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('status', '=', 'active')
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(20)
    .execute()
  const [latest] = await db
    .selectFrom('ibex_core.agents as agent')
    .selectAll('agent')
    .select((eb) => [
      jsonArrayFrom(
        eb
          .selectFrom('ibex_core.sessions as session')
          .selectAll('session')
          .whereRef('session.org_id', '=', 'agent.org_id')
          .whereRef('session.agent_id', '=', 'agent.id')
          .where('session.deleted_at', 'is', null)
          .orderBy('session.created_at', 'desc')
          .limit(5),
      ).as('sessions'),
      jsonObjectFrom(
        eb
          .selectFrom('ibex_core.users as creator')
          .select(['creator.email', 'creator.name'])
          .whereRef('creator.org_id', '=', 'agent.org_id')
          .whereRef('creator.id', '=', 'agent.created_by')
          .where('creator.deleted_at', 'is', null),
      ).as('creator'),
    ])
    .where('agent.org_id', '=', orgId)
    .where('agent.deleted_at', 'is', null)
    .orderBy('agent.created_at', 'desc')
    .limit(20)
    .execute()
  const directives = await db
    .selectFrom('ibex_core.directives')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('agent_id', '=', id)
    .where('is_active', '=', true)
    .limit(20)
    .execute()
  const directive = await db
    .insertInto('ibex_core.directives')
    .values({ org_id: orgId, agent_id: id, injection_mode: 'system_append' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const versions = await db
    .selectFrom('ibex_core.directive_versions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('directive_id', '=', directive.id)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const role = await db
    .insertInto('ibex_core.roles')
    .values({ org_id: orgId, name: 'Editor', description: null })
    .returningAll()
    .executeTakeFirstOrThrow()
  const roles = await db
    .selectFrom('ibex_core.roles')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('name', 'in', ['Editor', 'Author'])
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const template = await db
    .insertInto('ibex_core.prompt_templates')
    .values({ org_id: orgId, role_id: role.id, name: 'Short', content: 'Be brief.' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const templates = await db
    .selectFrom('ibex_core.prompt_templates')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('role_id', '=', role.id)
    .where('is_default', '=', true)
    .limit(20)
    .execute()
  return [
    agent.personality.tone,
    latest?.sessions.map((row) => row.title),
    latest?.creator?.email,
    changed?.tagline,
    page.map((row) => row.slug),
    directives.length,
    versions.map((row) => row.version_num),
    roles.map((row) => row.name),
    template.name,
    templates.length,
  ]
}

export async function projects(db: Kysely<DB>, orgId: string, id: string) {
  const project = await db
    .selectFrom('ibex_core.projects')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const found = await db
    .selectFrom('ibex_core.projects')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('slug', '=', 'atlas')
    .limit(1)
    .executeTakeFirst()
  const saved = await db
    .insertInto('ibex_core.projects')
    .values({ org_id: orgId, name: 'Atlas', slug: 'atlas' })
    .onConflict((oc) =>
      oc
        .columns(['org_id', 'slug'])
        .where('deleted_at', 'is', null)
        .doUpdateSet((eb) => ({ name: eb.ref('excluded.name') })),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
  const linked = await db
    .insertInto('ibex_core.project_roles')
    .values({ org_id: orgId, project_id: id, role_id: id })
    .returningAll()
    .executeTakeFirstOrThrow()
  const links = await db
    .selectFrom('ibex_core.project_roles')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('project_id', '=', id)
    .limit(20)
    .execute()
  const canon = await db
    .selectFrom('ibex_core.canon_items')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('project_id', '=', id)
    .where('is_active', '=', true)
    .where('type', '=', 'ADR')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const item = await db
    .insertInto('ibex_core.canon_items')
    .values({ org_id: orgId, project_id: id, type: 'ADR', title: 'Ports', body: 'Two.', tags: ['sea'] })
    .returningAll()
    .executeTakeFirstOrThrow()
  return [
    project.slug,
    found?.name,
    saved.name,
    linked.role_id,
    links.length,
    canon.map((row) => row.title),
    item.title,
  ]
}
