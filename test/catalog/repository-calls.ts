/** A call of every method of every repository, for the test of their plans. */
import type { PointsInput } from '../../src/commerce/points-input.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import { memoryCalls } from './memory-calls.ts'
import type { AnyRepository, Call, FixtureIds, OwnCalls, Repositories } from './own-calls.ts'

/** One call, and whether it concerns few rows of a tenant however many there are. */
export interface RepositoryCall {
  readonly name: string
  readonly isSelective: boolean
  readonly call: (trx: TenantTransaction, ids: FixtureIds) => Promise<unknown>
}

function lastHours(hours: number): { readonly from: Date; readonly to: Date } {
  const to = new Date()
  return { from: new Date(to.getTime() - hours * 3_600_000), to }
}

const longEmbedding = Array.from({ length: 1_536 }, (_, index) => Math.sin(index))

const attachment = {
  filename: 'a.png',
  originalFilename: 'b.png',
  fileType: 'image',
  mimeType: 'image/png',
  fileSize: 1,
  filePath: '/a.png',
} as const

const ownCalls: OwnCalls = {
  organizations: { requireActive: async (organizations) => await organizations.requireActive() },
  users: {
    findByEmail: async (users) => await users.findByEmail('User1@example.com'),
    invite: async (users) => await users.invite({ email: 'new@example.com' }),
    acceptInvitation: async (users) => {
      const { id } = await users.invite({ email: 'new@example.com' })
      await users.acceptInvitation(id, { name: 'New' })
    },
    suspend: async (users, ids) => await users.suspend(ids.of('users')),
    reactivate: async (users, ids) => {
      await users.suspend(ids.of('users'))
      await users.reactivate(ids.of('users'))
    },
  },
  teams: {
    addMember: async (teams, ids) => {
      await teams.removeMember(ids.of('teams'), ids.last('users'))
      await teams.addMember(ids.of('teams'), ids.last('users'))
    },
    changeRole: async (teams, ids) => await teams.changeRole(ids.of('teams'), ids.of('users'), 'viewer'),
    removeMember: async (teams, ids) => await teams.removeMember(ids.of('teams'), ids.of('users')),
    members: async (teams, ids) => await teams.members(ids.of('teams')),
    teamsOf: async (teams, ids) => await teams.teamsOf(ids.of('users')),
    transferOwnership: async (teams, ids) =>
      await teams.transferOwnership(ids.of('teams'), ids.last('users')),
  },
  teamMemberships: {},
  tokens: {
    issue: async (tokens, ids) =>
      await tokens.issue({
        type: 'pat',
        name: 'New',
        userId: ids.of('users'),
        agentId: ids.of('agents'),
        allowedIps: ['192.0.2.0/24'],
      }),
    verify: async (tokens, ids) => {
      const { secret } = await tokens.issue({ type: 'pat', name: 'New', userId: ids.of('users') })
      await tokens.verify(secret, { address: '192.0.2.7' })
    },
    revoke: async (tokens, ids) => await tokens.revoke(ids.of('tokens'), { revokedBy: ids.of('users') }),
    revokeAllOf: async (tokens, ids) => await tokens.revokeAllOf(ids.of('users')),
    addUses: async (tokens, ids) => {
      const use = { count: 1, lastUsedAt: new Date(), lastUsedIp: '192.0.2.7' }
      await tokens.addUses([
        { tokenId: ids.of('tokens'), ...use },
        { tokenId: ids.last('tokens'), ...use },
      ])
    },
  },
  agents: {
    configure: async (agents, ids) =>
      await agents.configure(ids.of('agents'), { model_config: { temperature: 0.1 } }),
    effectiveSkills: async (agents, ids) => await agents.effectiveSkills(ids.of('agents')),
  },
  directives: {
    publish: async (directives, ids) => await directives.publish(ids.of('agents'), { content: 'Be kind.' }),
    rollBack: async (directives, ids) => await directives.rollBack(ids.of('agents'), { to: 1 }),
    active: async (directives, ids) => await directives.active(ids.of('agents')),
    versions: async (directives, ids) => await directives.versions(ids.of('agents')),
    diff: async (directives, ids) => await directives.diff(ids.of('agents'), 1, 2),
  },
  directiveVersions: {},
  roles: {},
  promptTemplates: {
    defaultOf: async (templates, ids) => await templates.defaultOf(ids.of('roles')),
    makeDefault: async (templates, ids) => await templates.makeDefault(ids.last('prompt_templates')),
  },
  projects: {
    findBySlug: async (projects) => await projects.findBySlug('project-1'),
    linkRole: async (projects, ids) => await projects.linkRole(ids.of('projects'), ids.last('roles')),
    unlinkRole: async (projects, ids) => await projects.unlinkRole(ids.of('projects'), ids.of('roles')),
    rolesOf: async (projects, ids) => await projects.rolesOf(ids.of('projects')),
    projectsOf: async (projects, ids) => await projects.projectsOf(ids.of('roles')),
  },
  projectRoles: {},
  canonItems: {
    search: async (canonItems, ids) => {
      const where = { projectId: ids.of('projects'), roleId: ids.of('roles') }
      await canonItems.search(where)
      await canonItems.search({
        projectId: ids.of('projects'),
        types: ['ADR'],
        tags: ['a'],
        activeOnly: false,
      })
      await canonItems.search({ ...where, text: 'word1 postgres', types: ['ADR', 'PMD'] })
    },
  },
  sessions: {
    start: async (sessions, ids) => await sessions.start({ agentId: ids.of('agents'), externalId: 'new' }),
    findByExternalId: async (sessions, ids) => await sessions.findByExternalId(ids.of('agents'), 'session-1'),
    complete: async (sessions, ids) => await sessions.complete(ids.of('sessions')),
    abandonIdle: async (sessions) => await sessions.abandonIdle({ idleSeconds: 3_600, limit: 5 }),
    findWithMessages: async (sessions, ids) =>
      await sessions.findWithMessages(ids.of('sessions'), { last: 5 }),
    forExtraction: async (sessions) => await sessions.forExtraction({ limit: 5 }),
    markExtracted: async (sessions, ids) => await sessions.markExtracted(ids.of('sessions'), 1),
    sweepExpired: async (sessions) => await sessions.sweepExpired({ limit: 5 }),
  },
  messages: {
    append: async (messages, ids) =>
      await messages.append({
        sessionId: ids.of('sessions'),
        role: 'user',
        content: 'Hello.',
        attachments: [attachment],
      }),
    appendMany: async (messages, ids) =>
      await messages.appendMany(ids.of('sessions'), [{ role: 'user', content: 'Hello.' }]),
    last: async (messages, ids) => await messages.last(ids.of('sessions'), 5),
    summarize: async (messages, ids) => await messages.summarize(ids.of('sessions'), 'They greeted.'),
    summaries: async (messages, ids) => await messages.summaries(ids.of('sessions')),
    window: async (messages, ids) => await messages.window(ids.of('sessions'), { tokens: 25 }),
    rate: async (messages, ids) => await messages.rate(ids.of('messages'), { rating: 'positive' }),
  },
  attachments: {},
  checkpoints: {
    append: async (checkpoints, ids) => await checkpoints.append({ sessionId: ids.of('sessions') }),
    resume: async (checkpoints, ids) => await checkpoints.resume(ids.of('sessions')),
    fork: async (checkpoints, ids) => {
      const { turn_index: atTurn } = await checkpoints.append({
        sessionId: ids.of('sessions'),
        requestId: 'new',
      })
      await checkpoints.append({ sessionId: ids.of('sessions'), requestId: 'new' })
      await checkpoints.fork(ids.of('sessions'), { atTurn })
    },
    latest: async (checkpoints, ids) => await checkpoints.latest(ids.of('sessions')),
    since: async (checkpoints, ids) => await checkpoints.since(ids.of('sessions'), -1),
  },
  ...memoryCalls,
  documents: {
    ingest: async (documents) => {
      const chunks = [
        'New.',
        'We keep word1 and postgres.',
        'We keep word0 and postgres.',
        'Newer.',
        'Newest.',
      ]
      await documents.ingest({ documentId: 'document-0', chunks: chunks.map((content) => ({ content })) })
      await documents.ingest({ documentId: 'document-0', chunks: [{ content: 'New.', metadata: { a: 1 } }] })
    },
    chunksToEmbed: async (documents) => await documents.chunksToEmbed('document-1', ['New.']),
    searchSimilar: async (documents) => {
      await documents.searchSimilar({ embedding: longEmbedding, minSimilarity: 0.1 })
      await documents.searchSimilar({ embedding: longEmbedding, documentIds: ['document-1', 'document-2'] })
    },
    searchText: async (documents) => {
      await documents.searchText({ text: 'Where is word1?' })
      await documents.searchText({ text: 'Where is postgres?', documentIds: ['document-1', 'document-2'] })
    },
    list: async (documents) => await documents.list({ limit: 5, after: 'document-1' }),
    chunks: async (documents) => await documents.chunks('document-1'),
    deleteDocument: async (documents) => await documents.deleteDocument('document-1'),
    unembedded: async (documents) => await documents.unembedded({ limit: 5 }),
    setEmbeddings: async (documents, ids) =>
      await documents.setEmbeddings([{ id: ids.of('rag_documents'), embedding: longEmbedding }]),
  },
  llmProviders: {},
  llmModels: {},
  agentExecutions: {
    start: async (executions, ids) =>
      await executions.start({
        executionId: 'new',
        agentId: ids.of('agents'),
        agentName: 'Agent',
        prompt: 'Do it.',
      }),
    succeed: async (executions) => await executions.succeed('execution-0', { tokensUsed: 1 }),
    fail: async (executions) => await executions.fail('execution-0', { error: 'It broke.' }),
    findByExecutionId: async (executions) => await executions.findByExecutionId('execution-1'),
    failStale: async (executions) => await executions.failStale({ runningSeconds: 60, limit: 5 }),
  },
  toolExecutions: {
    start: async (executions, ids) =>
      await executions.start({
        correlationId: 'request-1',
        toolName: 'tool-1',
        agentId: ids.of('agents'),
        userId: ids.of('users'),
      }),
    succeed: async (executions, ids) => await executions.succeed(ids.first('tool_executions')),
    fail: async (executions, ids) =>
      await executions.fail(ids.first('tool_executions'), { error: 'It broke.' }),
    byCorrelationId: async (executions) => await executions.byCorrelationId('request-1'),
    statistics: async (executions) => {
      await executions.statistics(lastHours(2))
      await executions.statistics({ ...lastHours(2), toolName: 'tool-1' })
    },
    failStale: async (executions) => await executions.failStale({ runningSeconds: 60, limit: 5 }),
  },
  roundTableResults: {
    record: async (results) =>
      await results.record({
        resultId: 'new',
        prompt: 'Who?',
        taskCategory: 'category-1',
        winnerProvider: 'provider-1',
        winnerResponse: 'Me.',
        participants: [{ provider: 'provider-1' }],
      }),
    findByResultId: async (results) => await results.findByResultId('result-1'),
    byCategory: async (results) => {
      await results.byCategory('category-1', { limit: 5 })
      await results.byCategory('category-1', { winner: 'provider-1', ...lastHours(48), limit: 5 })
    },
    wins: async (results) => await results.wins({ category: 'category-1', ...lastHours(2) }),
  },
  auditLogs: {
    append: async (logs, ids) => await logs.append({ action: 'act', projectId: ids.of('projects') }),
    appendMany: async (logs) => await logs.appendMany([{ action: 'act' }, { action: 'act', actor: 'ana' }]),
    between: async (logs, ids) => {
      const page = { ...lastHours(48), limit: 2 }
      const { nextCursor } = await logs.between(page)
      await logs.between({ ...page, after: nextCursor })
      await logs.between({ ...lastHours(48), action: 'action-1', limit: 2 })
      await logs.between({ ...lastHours(9_000), actor: 'actor-1', limit: 2 })
      await logs.between({ ...lastHours(9_000), projectId: ids.of('projects'), limit: 2 })
    },
  },
  products: {
    findBySku: async (products) => await products.findBySku('sku-1'),
    adjustInventory: async (products, ids) => await products.adjustInventory(ids.of('products'), -1),
  },
  orders: {
    place: async (orders, ids) =>
      await orders.place({
        orderNumber: 'new',
        userId: ids.of('users'),
        items: [
          { productId: ids.of('products'), quantity: 1 },
          { productId: ids.last('products'), quantity: 2 },
        ],
      }),
    process: async (orders, ids) => await orders.process(ids.of('orders')),
    complete: async (orders, ids) => {
      await orders.process(ids.of('orders'))
      await orders.complete(ids.of('orders'))
    },
    cancel: async (orders, ids) => await orders.cancel(ids.of('orders')),
    findByNumber: async (orders) => await orders.findByNumber('order-1'),
    ordersOf: async (orders, ids) => await orders.ordersOf(ids.of('users')),
    findWithItems: async (orders, ids) => await orders.findWithItems(ids.of('orders')),
  },
  orderItems: {},
  points: {
    credit: async (points, ids) => await points.credit(movement(ids, 'new-1')),
    debit: async (points, ids) => await points.debit(movement(ids, 'new-2')),
    freeze: async (points, ids) => await points.freeze(movement(ids, 'new-3')),
    release: async (points, ids) => {
      await points.freeze(movement(ids, 'new-4'))
      await points.release(movement(ids, 'new-5'))
    },
    account: async (points, ids) => await points.account(ids.of('users')),
    ledger: async (points, ids) => await points.ledger(ids.of('users')),
    reconcile: async (points, ids) => await points.reconcile({ userId: ids.of('users') }),
  },
  erasure: {
    eraseUser: async (erasure, ids) => await erasure.eraseUser(ids.last('users'), { reason: 'asked for' }),
    receiptsOf: async (erasure, ids) => await erasure.receiptsOf(ids.of('users')),
  },
  legalHolds: {
    place: async (holds, ids) =>
      await holds.place({ subject: 'user', subjectId: ids.of('users'), reason: 'a quarrel' }),
    release: async (holds, ids) => await holds.release(ids.of('legal_holds'), { reason: 'made up' }),
    standingFor: async (holds, ids) => await holds.standingFor(ids.of('users')),
  },
  pointsLedger: {},
}

function movement(ids: FixtureIds, eventId: string): PointsInput {
  return { userId: ids.of('users'), amount: 1, eventId, bizType: 'gift' }
}

/** What all repositories have, of the tables that have an id. */
const commonCalls: Readonly<Record<string, CommonCall>> = {
  findById: async (repository, id) => await repository.findById(id),
  find: async (repository) => await repository.find(),
  findPage: async (repository) => {
    const { nextCursor } = await repository.findPage({ limit: 2 })
    await repository.findPage({ limit: 2, after: nextCursor })
  },
  count: async (repository) => await repository.count(),
  exists: async (repository, id) => await repository.exists({ id }),
  delete: async (repository, id) => await repository.delete(id),
}

type CommonCall = (repository: AnyRepository, id: string) => Promise<unknown>

/** What concerns a large part of a tenant's rows by its nature. */
const wholeTenant: ReadonlySet<string> = new Set([
  'find',
  'count',
  'memories.reembed',
  'sessions.abandonIdle',
  'sessions.sweepExpired',
  'memories.retier',
  'memories.hot',
  // it looks how large the tenant is, up to so many rows, and compares all of a small one
  'memories.search',
  'erasure.eraseUser',
])

/** Tables of all tenants, the tenants' own, and those without an id. */
const otherKeys: ReadonlySet<string> = new Set([
  'organizations',
  'llmProviders',
  'llmModels',
  'memoryTags',
  'memoryUsage',
  'memoryEmbeddingsStaged',
])
/** Tables that lose no row by itself: append-only ones, accounts of points, which go with their users, and standing holds. */
const undeletable: ReadonlySet<string> = new Set([
  'directiveVersions',
  'checkpoints',
  'memoryVersions',
  'memoryTombstones',
  'auditLogs',
  'points',
  'pointsLedger',
  'erasure',
  'legalHolds',
])

/** All calls, by `repository.method`. */
export const everyCall: readonly RepositoryCall[] = [...callsOfEach(), ...callsOfAll()]

function callsOfEach(): readonly RepositoryCall[] {
  return Object.entries(ownCalls).flatMap(([property, methods]) =>
    Object.entries<Call<never>>(methods).map(([method, call]) => ({
      name: `${property}.${method}`,
      isSelective: !wholeTenant.has(`${property}.${method}`),
      // the type of `ownCalls` ties each call to the repository of its name
      call: async (trx, ids) => await call(repositoryOf(trx, property) as never, ids),
    })),
  )
}

function callsOfAll(): readonly RepositoryCall[] {
  return Object.keys(ownCalls)
    .filter((property) => !otherKeys.has(property))
    .flatMap((property) =>
      Object.entries(commonCalls)
        .filter(([method]) => !(method === 'delete' && undeletable.has(property)))
        .map(([method, call]) => ({
          name: `${property}.${method}`,
          isSelective: !wholeTenant.has(method),
          call: async (trx: TenantTransaction, ids: FixtureIds) => {
            const repository = repositoryOf(trx, property)
            return await call(repository, ids.last(tableOf(repository)))
          },
        })),
    )
}

function repositoryOf(trx: TenantTransaction, property: string): AnyRepository {
  // `ownCalls` has the names of repositories only; what is called on all of them does not depend on the table
  return trx[property as keyof Repositories] as unknown as AnyRepository
}

function tableOf(repository: AnyRepository): string {
  // protected: only subclasses and this test look at it
  const { table } = repository as unknown as { readonly table: { readonly name: string } }
  return table.name.replace('ibex_core.', '')
}
