/** The part of a service that deals with people, agents and projects, on ibex-db: what the type checker is measured with. */
import { tables } from '../../../../src/index.ts'
import type { TenantScope } from '../../../../src/index.ts'

const newest = { orderBy: { created_at: 'desc' }, limit: 20 } as const

export async function identity(tenant: TenantScope, id: string) {
  const organization = await tenant.organizations.findById(id)
  const renamed = await tenant.organizations.update(id, { name: 'Renamed', billing_email: null })
  const users = await tenant.users.find({
    where: { status: ['active', 'invited'], role: 'member' },
    ...newest,
  })
  const user = await tenant.users.insert({ email: 'ana@example.com', name: 'Ana' })
  const deleted = await tenant.users.softDelete(user.id)
  const known = await tenant.users.findByEmail('ana@example.com')
  const teams = await tenant.teams.find({ where: { owner_id: user.id }, ...newest })
  const team = await tenant.teams.insert({ name: 'Support', slug: 'support', owner_id: user.id })
  const membership = await tenant.teamMemberships.insert({
    team_id: team.id,
    user_id: user.id,
    role: 'admin',
  })
  const memberships = await tenant.teamMemberships.find({ where: { team_id: team.id }, limit: 20 })
  const tokens = await tenant.tokens.find({ where: { user_id: user.id, is_revoked: false }, ...newest })
  const living = await tenant.tokens.count({ is_revoked: false })
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

export async function agents(tenant: TenantScope, id: string) {
  const agent = await tenant.agents.findByIdOrThrow(id)
  const made = await tenant.agents.insert({ name: 'Guide', slug: 'guide', tags: ['new'], status: 'draft' })
  const changed = await tenant.agents.update(made.id, { tagline: 'Shows the way', status: 'active' })
  const page = await tenant.agents.findPage({
    where: { status: 'active' },
    orderBy: { created_at: 'desc' },
    limit: 20,
  })
  const [latest] = await tenant.agents.find({
    related: ({ many, one }) => ({
      sessions: many(tables['ibex_core.sessions'], 'agent_id', { orderBy: { created_at: 'desc' }, limit: 5 }),
      creator: one(tables['ibex_core.users'], 'created_by', { columns: ['email', 'name'] }),
    }),
    ...newest,
  })
  const directives = await tenant.directives.find({ where: { agent_id: id, is_active: true }, limit: 20 })
  const directive = await tenant.directives.insert({ agent_id: id, injection_mode: 'system_append' })
  const versions = await tenant.directiveVersions.find({ where: { directive_id: directive.id }, ...newest })
  const role = await tenant.roles.insert({ name: 'Editor', description: null })
  const roles = await tenant.roles.find({ where: { name: ['Editor', 'Author'] }, ...newest })
  const template = await tenant.promptTemplates.insert({
    role_id: role.id,
    name: 'Short',
    content: 'Be brief.',
  })
  const templates = await tenant.promptTemplates.find({
    where: { role_id: role.id, is_default: true },
    limit: 20,
  })
  return [
    agent.personality.tone,
    latest?.sessions.map((row) => row.title),
    latest?.creator?.email,
    changed?.tagline,
    page.rows.map((row) => row.slug),
    directives.length,
    versions.map((row) => row.version_num),
    roles.map((row) => row.name),
    template.name,
    templates.length,
  ]
}

export async function projects(tenant: TenantScope, id: string) {
  const project = await tenant.projects.findByIdOrThrow(id)
  const found = await tenant.projects.findOne({ slug: 'atlas' })
  const saved = await tenant.projects.upsert(
    { name: 'Atlas', slug: 'atlas' },
    { conflict: ['slug'], update: ['name'] },
  )
  const linked = await tenant.projectRoles.insert({ project_id: id, role_id: id })
  const links = await tenant.projectRoles.find({ where: { project_id: id }, limit: 20 })
  const canon = await tenant.canonItems.find({
    where: { project_id: id, is_active: true, type: 'ADR' },
    ...newest,
  })
  const item = await tenant.canonItems.insert({
    project_id: id,
    type: 'ADR',
    title: 'Ports',
    body: 'Two.',
    tags: ['sea'],
  })
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
