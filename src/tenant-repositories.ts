/** The repositories of one tenant, by the names that services look for. */
import type { Kysely } from 'kysely'
import type { DB as IbexDB } from '../types/database.d.ts'
import { tables } from '../types/tables.ts'
import { OrderRepository } from './commerce/order-repository.ts'
import { PointsRepository } from './commerce/points-repository.ts'
import { ProductRepository } from './commerce/product-repository.ts'
import { AgentRepository } from './agents/agent-repository.ts'
import { DirectiveRepository } from './agents/directive-repository.ts'
import { PromptTemplateRepository } from './agents/prompt-template-repository.ts'
import { AgentExecutionRepository } from './executions/agent-execution-repository.ts'
import { AuditLogRepository } from './executions/audit-log-repository.ts'
import { RoundTableRepository } from './executions/round-table-repository.ts'
import { ToolExecutionRepository } from './executions/tool-execution-repository.ts'
import { ErasureRepository } from './erasure/erasure-repository.ts'
import { LegalHoldRepository } from './erasure/legal-hold-repository.ts'
import { OrganizationRepository } from './identity/organization-repository.ts'
import { TeamRepository } from './identity/team-repository.ts'
import { TokenRepository } from './identity/token-repository.ts'
import { UserRepository } from './identity/user-repository.ts'
import { DocumentRepository } from './knowledge/document-repository.ts'
import { EmbeddingModelRepository } from './memory/embedding-model-repository.ts'
import { MemoryRelationshipRepository } from './memory/memory-relationship-repository.ts'
import { MemoryRepository } from './memory/memory-repository.ts'
import type { MemoryResources } from './memory/memory-repository.ts'
import { CanonItemRepository } from './projects/canon-item-repository.ts'
import { ProjectRepository } from './projects/project-repository.ts'
import { CheckpointRepository } from './sessions/checkpoint-repository.ts'
import { MessageRepository } from './sessions/message-repository.ts'
import { SessionRepository } from './sessions/session-repository.ts'
import { BaseRepository } from './repository/base-repository.ts'
import type { TableOf } from './repository/row-types.ts'
import type { DefinitionOf } from './repository/table-definition.ts'
import { Scope } from './tenancy/scope.ts'

/** A table that needs no query of its own is served by the plain repository. */
type PlainRepository<TB extends TableOf<IbexDB>> = BaseRepository<IbexDB, TB>

/** The repositories of a tenant, each made when it is first used. */
export abstract class TenantRepositories<DB extends IbexDB> extends Scope<DB> {
  readonly #made: Map<string, unknown> = new Map()
  readonly #memoryResources: MemoryResources

  constructor(orgId: string, db: Kysely<DB>, memoryResources: MemoryResources = {}) {
    super(orgId, db)
    this.#memoryResources = memoryResources
  }

  get organizations(): OrganizationRepository {
    return this.#make('organizations', (scope) => new OrganizationRepository(scope))
  }

  get users(): UserRepository {
    return this.#make('users', (scope) => new UserRepository(scope))
  }

  get teams(): TeamRepository {
    return this.#make('teams', (scope) => new TeamRepository(scope))
  }

  get teamMemberships(): PlainRepository<'ibex_core.team_memberships'> {
    return this.#plain(tables['ibex_core.team_memberships'])
  }

  get tokens(): TokenRepository {
    return this.#make('tokens', (scope) => new TokenRepository(scope))
  }

  get agents(): AgentRepository {
    return this.#make('agents', (scope) => new AgentRepository(scope))
  }

  get directives(): DirectiveRepository {
    return this.#make('directives', (scope) => new DirectiveRepository(scope))
  }

  get directiveVersions(): PlainRepository<'ibex_core.directive_versions'> {
    return this.#plain(tables['ibex_core.directive_versions'])
  }

  get roles(): PlainRepository<'ibex_core.roles'> {
    return this.#plain(tables['ibex_core.roles'])
  }

  get promptTemplates(): PromptTemplateRepository {
    return this.#make('promptTemplates', (scope) => new PromptTemplateRepository(scope))
  }

  get projects(): ProjectRepository {
    return this.#make('projects', (scope) => new ProjectRepository(scope))
  }

  get projectRoles(): PlainRepository<'ibex_core.project_roles'> {
    return this.#plain(tables['ibex_core.project_roles'])
  }

  get canonItems(): CanonItemRepository {
    return this.#make('canonItems', (scope) => new CanonItemRepository(scope))
  }

  get sessions(): SessionRepository {
    return this.#make('sessions', (scope) => new SessionRepository(scope))
  }

  get messages(): MessageRepository {
    return this.#make('messages', (scope) => new MessageRepository(scope))
  }

  get attachments(): PlainRepository<'ibex_core.attachments'> {
    return this.#plain(tables['ibex_core.attachments'])
  }

  get checkpoints(): CheckpointRepository {
    return this.#make('checkpoints', (scope) => new CheckpointRepository(scope))
  }

  get memories(): MemoryRepository {
    return this.#make('memories', (scope) => new MemoryRepository(scope, this.#memoryResources))
  }

  get memoryVersions(): PlainRepository<'ibex_core.memory_versions'> {
    return this.#plain(tables['ibex_core.memory_versions'])
  }

  get memoryRelationships(): MemoryRelationshipRepository {
    return this.#make('memoryRelationships', (scope) => new MemoryRelationshipRepository(scope))
  }

  get memoryTags(): PlainRepository<'ibex_core.memory_tags'> {
    return this.#plain(tables['ibex_core.memory_tags'])
  }

  get memoryTombstones(): PlainRepository<'ibex_core.memory_tombstones'> {
    return this.#plain(tables['ibex_core.memory_tombstones'])
  }

  get embeddingModels(): EmbeddingModelRepository {
    return this.#make('embeddingModels', (scope) => new EmbeddingModelRepository(scope))
  }

  get memoryUsage(): PlainRepository<'ibex_core.memory_usage'> {
    return this.#plain(tables['ibex_core.memory_usage'])
  }

  get memoryVotes(): PlainRepository<'ibex_core.memory_votes'> {
    return this.#plain(tables['ibex_core.memory_votes'])
  }

  get memoryReembeddings(): PlainRepository<'ibex_core.memory_reembeddings'> {
    return this.#plain(tables['ibex_core.memory_reembeddings'])
  }

  get memoryEmbeddingsStaged(): PlainRepository<'ibex_core.memory_embeddings_staged'> {
    return this.#plain(tables['ibex_core.memory_embeddings_staged'])
  }

  get documents(): DocumentRepository {
    return this.#make('documents', (scope) => new DocumentRepository(scope))
  }

  get llmProviders(): PlainRepository<'ibex_core.llm_providers'> {
    return this.#plain(tables['ibex_core.llm_providers'])
  }

  get llmModels(): PlainRepository<'ibex_core.llm_models'> {
    return this.#plain(tables['ibex_core.llm_models'])
  }

  get agentExecutions(): AgentExecutionRepository {
    return this.#make('agentExecutions', (scope) => new AgentExecutionRepository(scope))
  }

  get toolExecutions(): ToolExecutionRepository {
    return this.#make('toolExecutions', (scope) => new ToolExecutionRepository(scope))
  }

  get roundTableResults(): RoundTableRepository {
    return this.#make('roundTableResults', (scope) => new RoundTableRepository(scope))
  }

  get auditLogs(): AuditLogRepository {
    return this.#make('auditLogs', (scope) => new AuditLogRepository(scope))
  }

  get products(): ProductRepository {
    return this.#make('products', (scope) => new ProductRepository(scope))
  }

  get orders(): OrderRepository {
    return this.#make('orders', (scope) => new OrderRepository(scope))
  }

  get orderItems(): PlainRepository<'ibex_core.order_items'> {
    return this.#plain(tables['ibex_core.order_items'])
  }

  get points(): PointsRepository {
    return this.#make('points', (scope) => new PointsRepository(scope))
  }

  get pointsLedger(): PlainRepository<'ibex_core.points_ledger'> {
    return this.#plain(tables['ibex_core.points_ledger'])
  }

  get erasure(): ErasureRepository {
    return this.#make('erasure', (scope) => new ErasureRepository(scope))
  }

  get legalHolds(): LegalHoldRepository {
    return this.#make('legalHolds', (scope) => new LegalHoldRepository(scope))
  }

  #plain<TB extends TableOf<IbexDB>>(table: DefinitionOf<TB>): BaseRepository<IbexDB, TB> {
    return this.#make(table.name, (scope) => new BaseRepository<IbexDB, TB>(scope, table))
  }

  #make<R>(name: string, create: (scope: Scope<IbexDB>) => R): R {
    // a user's DB extends ours, so our repositories find their tables in it; Kysely's type is invariant and cannot say so
    if (!this.#made.has(name)) this.#made.set(name, create(this as unknown as Scope<IbexDB>))
    // only `create` of the same name has put it there
    return this.#made.get(name) as R
  }
}
