/** Who works at the bookshop, and the agent that they share. */
import type { TenantTransaction } from '../../src/index.ts'

/** The ids that the rest of the demo refers to. */
export interface DemoPeople {
  readonly ownerId: string
  readonly customerId: string
  readonly agentId: string
  readonly roleId: string
  readonly tokenSecret: string
}

/** Inserts users, a team, an agent with its instructions and personas, and an access token. */
export async function insertDemoPeople(trx: TenantTransaction, ownerId: string): Promise<DemoPeople> {
  const invited = await trx.users.invite({ email: 'jonas@harbour-books.example', name: 'Jonas Adeyemi' })
  const colleague = await trx.users.acceptInvitation(invited.id)
  const customer = await trx.users.insert({
    email: 'ana@example.com',
    name: 'Ana Ferreira',
    role: 'customer',
  })
  const team = await trx.teams.insert({
    name: 'Shop floor',
    slug: 'shop-floor',
    owner_id: ownerId,
    shared_skill_names: ['search-catalogue', 'check-stock'],
  })
  await trx.teams.addMember(team.id, colleague?.id ?? invited.id, 'member')
  const agent = await trx.agents.insert({
    name: 'Page',
    slug: 'page',
    tagline: 'Knows every shelf.',
    avatar_emoji: '📖',
    status: 'active',
    team_id: team.id,
    created_by: ownerId,
    custom_skill_names: ['recommend-books'],
    tags: ['shop'],
    personality: { tone: 'warm', traits: { curious: 0.8 }, always_rules: ['Say where the book stands.'] },
  })
  await trx.directives.publish(agent.id, {
    content: 'You help people to find books.\nAsk what they liked last.',
    createdBy: ownerId,
  })
  await trx.directives.publish(agent.id, {
    content: 'You help people to find books.\nAsk what they liked last, and offer two books, not ten.',
    createdBy: ownerId,
  })
  const role = await trx.roles.insert({ name: 'Bookseller', description: 'Recommends and finds books.' })
  await trx.promptTemplates.insert({
    role_id: role.id,
    name: 'Greeting',
    content: 'Greet the customer by name and ask what they are looking for.',
  })
  const { secret } = await trx.tokens.issue({
    type: 'pat',
    name: 'Demo token',
    userId: ownerId,
    permissions: 0b11n,
  })
  return { ownerId, customerId: customer.id, agentId: agent.id, roleId: role.id, tokenSecret: secret }
}
