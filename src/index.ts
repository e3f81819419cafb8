/**
 * ibex-db: the shared, typed, tenant-isolated data layer of AI-agent platforms.
 *
 * Words: a **tenant** is an organization, named by its `org_id`. A **scope** is a tenant as a value, from
 * `database.forTenant(orgId)`; repositories are bound to one. **db** is plain Kysely that carries the scope. A **setting** is
 * transaction-local and travels with the statement. **asSystem** is the loud way across tenants.
 *
 * @module
 */
export { createDatabase } from './create-database.ts'
export type { CreateDatabaseOptions, Database } from './create-database.ts'
export type { TenantBatch, TenantScope, TenantTransaction } from './tenant-scope.ts'
export type { WritePosition } from './database/write-position.ts'
export type {
  ContextStyle,
  DatabaseOptions,
  DatabaseTarget,
  PGliteInstance,
  QueryEvent,
} from './database/options.ts'

export { Scope } from './tenancy/scope.ts'
export type { Actor } from './tenancy/scope.ts'
export type { ScopeOptions } from './tenancy/tenancy.ts'
export type { SystemScope } from './tenancy/system-scope.ts'
export type { TransactionHandle, TransactionOptions } from './tenancy/transaction.ts'
export type { UntrustedOptions, UntrustedResult } from './tenancy/untrusted.ts'
export type { IsolationReport } from './tenancy/verify-isolation.ts'
export { runOutsideTransaction } from './tenancy/ambient-transaction.ts'
export { withSettings } from './tenancy/query-settings.ts'
export { TenantDialect } from './tenancy/tenant-dialect.ts'
export type { TenantDialectConfig } from './tenancy/tenant-dialect.ts'
export type { Settings } from './tenancy/settings.ts'
export type { TenantPool } from './tenancy/wire.ts'

export { BaseRepository } from './repository/base-repository.ts'
export type { BatchOptions } from './repository/batch-options.ts'
export type { DefinitionOf, TableDefinition } from './repository/table-definition.ts'
export type {
  Filter,
  FindByIdOptions,
  FindOptions,
  ManyOptions,
  NewRow,
  OneOptions,
  OrderBy,
  Page,
  PageOptions,
  Patch,
  ReadOptions,
  RelatedBuilder,
  RelatedOption,
  Relation,
  Relations,
  Row,
  RowKey,
  RowWith,
  TableOf,
  UpsertOptions,
} from './repository/row-types.ts'

export { createOrganization } from './identity/create-organization.ts'
export type { CreatedOrganization, OrganizationInput, OwnerInput } from './identity/create-organization.ts'
export { OrganizationRepository } from './identity/organization-repository.ts'
export { UserRepository } from './identity/user-repository.ts'
export type { InvitationAcceptance, UserInvitation } from './identity/user-repository.ts'
export { TeamRepository } from './identity/team-repository.ts'
export type { TeamMember, TeamOfUser } from './identity/team-repository.ts'
export { TokenRepository } from './identity/token-repository.ts'
export type { IssuedToken, TokenRevocation, TokenUse } from './identity/token-repository.ts'
export type { TokenInput } from './identity/token-input.ts'
export type {
  RefusedToken,
  TokenRefusal,
  TokenVerification,
  VerifiedToken,
  VerifyTokenOptions,
} from './identity/verify-token.ts'
export { tokenTenant } from './identity/token-secret.ts'
export { TokenUses } from './identity/token-uses.ts'
export type { TokenUsesOptions } from './identity/token-uses.ts'
export { ProjectRepository } from './projects/project-repository.ts'
export { CanonItemRepository } from './projects/canon-item-repository.ts'
export type { CanonSearch } from './projects/canon-item-repository.ts'
export { MessageRepository } from './sessions/message-repository.ts'
export type { Feedback } from './sessions/message-repository.ts'
export type { AttachmentInput, MessageInput } from './sessions/message-input.ts'
export type { MessageWithAttachments } from './sessions/append-messages.ts'
export { DocumentRepository } from './knowledge/document-repository.ts'
export type { DocumentListOptions, EmbeddingModelOption } from './knowledge/document-repository.ts'
export type { ChunkInput, DocumentInput } from './knowledge/document-input.ts'
export type { DocumentChunk } from './knowledge/document-chunk.ts'
export type { IngestResult } from './knowledge/plan-ingest.ts'
export type { DocumentSummary } from './knowledge/list-documents.ts'
export type {
  ChunkSearch,
  ChunkTextSearch,
  RankedChunk,
  SimilarChunk,
  SimilarChunkSearch,
} from './knowledge/search-chunks.ts'
export type { ChunkEmbedding } from './knowledge/set-embeddings.ts'
export { AgentExecutionRepository } from './executions/agent-execution-repository.ts'
export type {
  AgentExecutionFailure,
  AgentExecutionResult,
  AgentExecutionStart,
} from './executions/agent-execution-repository.ts'
export { ToolExecutionRepository } from './executions/tool-execution-repository.ts'
export type {
  ToolExecutionStart,
  ToolStatistics,
  ToolStatisticsOptions,
} from './executions/tool-execution-repository.ts'
export type { StaleOptions } from './executions/finish-execution.ts'
export { RoundTableRepository } from './executions/round-table-repository.ts'
export type {
  RoundTableFilter,
  RoundTableResult,
  RoundTableWins,
  RoundTableWinsOptions,
} from './executions/round-table-repository.ts'
export { AuditLogRepository } from './executions/audit-log-repository.ts'
export type { AuditEntry, AuditFilter } from './executions/audit-log-repository.ts'
export { ProductRepository } from './commerce/product-repository.ts'
export { OrderRepository } from './commerce/order-repository.ts'
export type { OrderAdjustment, OrderInput, OrderItemInput } from './commerce/order-input.ts'
export type { OrderWithItems } from './commerce/placed-order.ts'
export { PointsRepository } from './commerce/points-repository.ts'
export type { PointsMovement } from './commerce/points-repository.ts'
export type { PointsCredit, PointsDebit, PointsInput } from './commerce/points-input.ts'
export type { PointsDifference } from './commerce/reconcile-points.ts'
export { AgentRepository } from './agents/agent-repository.ts'
export type {
  AgentAutonomy,
  AgentBoundaries,
  AgentConfig,
  AgentConfigPatch,
  AgentMemoryConfig,
  AgentModelConfig,
  AgentPersonality,
  RetrievalWeights,
  VoiceExample,
} from './agents/agent-config.ts'
export { DirectiveRepository } from './agents/directive-repository.ts'
export type { DirectiveInput, PublishResult } from './agents/directive-repository.ts'
export { PromptTemplateRepository } from './agents/prompt-template-repository.ts'
export { SessionRepository } from './sessions/session-repository.ts'
export type { SessionStart, SessionWithMessages } from './sessions/session-repository.ts'
export { sweepExpiredSessions } from './sessions/expired-sessions.ts'
export type { ExpiredSession, SweepOptions } from './sessions/expired-sessions.ts'
export { pruneCheckpoints } from './sessions/prune-checkpoints.ts'
export type { PruneOptions, PruneProgress, PruneReport } from './sessions/prune-checkpoints.ts'
export { CheckpointRepository } from './sessions/checkpoint-repository.ts'
export type { CheckpointInput } from './sessions/append-checkpoint.ts'
export type { ForkOptions } from './sessions/fork-session.ts'
export { MemoryRepository } from './memory/memory-repository.ts'
export type { AddedMemory, AddOutcome, NearMemory } from './memory/add-memories.ts'
export type { AddOptions, NearDuplicatePolicy, NearThresholds } from './memory/add-options.ts'
export type { AddResult } from './memory/add-result.ts'
export type { ConflictResolution } from './memory/resolve-conflict.ts'
export type { AddManyOptions, AddManyReport, BulkMemoryInput, BulkMemorySource } from './memory/add-many.ts'
export type { MemoryHit, MemorySearchResult, SearchStrategy } from './memory/memory-hit.ts'
export type { MemoryFilters } from './memory/search-filters.ts'
export type { MemorySearch } from './memory/search-input.ts'
export type { SearchWeights, Signal } from './memory/search-score.ts'
export type { RerankQuery, Reranker } from './memory/rerank.ts'
export type { MemoryInput } from './memory/memory-input.ts'
export type { ReembedOptions, ReembedProgress, ReembedReport } from './memory/reembed.ts'
export type { PastMemory } from './memory/memory-history.ts'
export type { UndoOptions } from './memory/undo-memory.ts'
export { EmbeddingModelRepository } from './memory/embedding-model-repository.ts'
export type { EmbeddingModelInput } from './memory/embedding-model-repository.ts'
export { sweepExpiredMemories } from './memory/expired-memories.ts'
export type { ExpirySweep } from './memory/expired-memories.ts'
export { retierMemories } from './memory/retier-memories.ts'
export type { RetierOptions, RetierReport, TierMove } from './memory/retier-memories.ts'
export { tierRules } from './memory/memory-tiers.ts'
export type { VoteInput, Voter } from './memory/memory-votes.ts'
export type { HotOptions } from './memory/hot-memories.ts'
export type { HotCacheStore } from './hot-cache/hot-cache-store.ts'
export type { HotCacheOptions } from './hot-cache/options.ts'
export { LruHotCacheStore } from './hot-cache/lru-hot-cache-store.ts'
export type { LruHotCacheStoreOptions } from './hot-cache/lru-hot-cache-store.ts'
export { RedisHotCacheStore } from './hot-cache/redis-hot-cache-store.ts'
export type { RedisHotCacheClient, RedisHotCacheStoreOptions } from './hot-cache/redis-hot-cache-store.ts'
export { MemoryRelationshipRepository } from './memory/memory-relationship-repository.ts'
export type { RelateOptions } from './memory/memory-relationship-repository.ts'
export type { Neighbour, NeighbourOptions, RelationDirection } from './memory/memory-neighbours.ts'
export { contentHash } from './memory/memory-content.ts'
export { ErasureRepository } from './erasure/erasure-repository.ts'
export type { ErasureOptions, ErasureReceiptTable, ErasureResult } from './erasure/erasure-receipt.ts'
export { eraseOrganization, findOrganizationErasures } from './erasure/erase-organization.ts'
export { liftTombstone } from './erasure/lift-tombstone.ts'
export { LegalHoldRepository } from './erasure/legal-hold-repository.ts'
export type { LegalHoldInput } from './erasure/legal-hold-repository.ts'

export { exportTenant } from './transfer/export-tenant.ts'
export type { ExportOptions, ExportableTenant } from './transfer/export-tenant.ts'
export type { ExportFooter } from './transfer/export-format.ts'
export { importTenant } from './transfer/import-tenant.ts'
export type { ImportOptions, ImportReport } from './transfer/import-tenant.ts'
export type { ByteSource } from './transfer/read-lines.ts'

export { maximalMarginalRelevance } from './vector/maximal-marginal-relevance.ts'
export type { MmrCandidate } from './vector/maximal-marginal-relevance.ts'
export { Vector } from './vector/vector.ts'
export type { VectorInput } from './vector/vector.ts'
export type { EmbedOptions, Embedder } from './embedding/embedder.ts'
export { lexicalEmbedder } from './embedding/lexical-embedder.ts'

export { tables } from '../types/tables.ts'
export type * from '../types/database.d.ts'
export {
  AuthenticationError,
  BatchFailedError,
  BulkAddError,
  CheckViolationError,
  ConnectionFailedError,
  ConnectionLostError,
  ConnectionPoolTimeoutError,
  DataExceptionError,
  DatabaseClosedError,
  DatabaseError,
  DeadlockDetectedError,
  DiskFullError,
  EmbeddedEngineError,
  ErasedContentError,
  EmbeddingFailedError,
  EventConflictError,
  ExclusionViolationError,
  FixFailedError,
  ForeignKeyViolationError,
  HotCacheError,
  IbexError,
  InactiveOrganizationError,
  InactiveUserError,
  InsufficientInventoryError,
  InsufficientPointsError,
  InsufficientPrivilegeError,
  InvalidArgumentError,
  InvalidBaselineError,
  InvalidColumnError,
  InvalidCursorError,
  InvalidExportError,
  InvalidOptionsError,
  InvalidTenantIdError,
  InvalidVectorError,
  IsolationError,
  LastOwnerError,
  LegalHoldError,
  LockNotAvailableError,
  MemoryStatusError,
  MigrationError,
  MigrationHistoryError,
  MigrationLockedError,
  MissingEmbeddedEngineError,
  MissingMigrationsError,
  MissingTenantError,
  MissingTestPackageError,
  NotEmptyDatabaseError,
  NotNullViolationError,
  NotRunningError,
  OrderStatusError,
  OrderTotalMismatchError,
  OrganizationExistsError,
  OuterScopeError,
  PreparedStatementError,
  ProductUnavailableError,
  QueryCanceledError,
  ReadOnlyTransactionError,
  ReembeddingConflictError,
  RequestConflictError,
  RerankError,
  RowNotFoundError,
  SerializationFailureError,
  ServerUnavailableError,
  StaleVersionError,
  TenantMismatchError,
  TransactionPoolerError,
  UndefinedObjectError,
  UniqueViolationError,
  UnknownOrganizationError,
  UntrustedStatementError,
  UnreadableCatalogError,
  UnsupportedOnEmbeddedError,
  UserStatusError,
} from './errors.ts'
