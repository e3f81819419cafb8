/** All migrations of ibex-db, listed one by one so that they are found in the published package too. */
import type { MigrationSource } from '../src/migration/migration-source.ts'
import { checksums } from './checksums.ts'
import * as createRoles from './20261122_0001_create_roles.ts'
import * as createExtension from './20261122_0002_create_extension.ts'
import * as createSchema from './20261122_0003_create_schema.ts'
import * as createFunctions from './20261122_0004_create_functions.ts'
import * as createOrganizations from './20261122_0005_create_organizations.ts'
import * as createUsers from './20261122_0006_create_users.ts'
import * as createAgents from './20261122_0007_create_agents.ts'
import * as createTokens from './20261122_0008_create_tokens.ts'
import * as createDirectives from './20261122_0009_create_directives.ts'
import * as createDirectiveVersions from './20261122_0010_create_directive_versions.ts'
import * as referenceActiveVersion from './20261122_0011_reference_active_version.ts'
import * as createSessions from './20261122_0012_create_sessions.ts'
import * as createCheckpoints from './20261122_0013_create_checkpoints.ts'
import * as createMemories from './20261122_0014_create_memories.ts'
import * as createMemoryVersions from './20261122_0015_create_memory_versions.ts'
import * as createMemoryRelationships from './20261122_0016_create_memory_relationships.ts'
import * as createMemoryTags from './20261122_0017_create_memory_tags.ts'
import * as createMemoryUsage from './20261122_0018_create_memory_usage.ts'
import * as completeIdentity from './20261124_0019_complete_identity.ts'
import * as completeAgents from './20261124_0020_complete_agents.ts'
import * as createProjects from './20261124_0021_create_projects.ts'
import * as completeSessions from './20261124_0022_complete_sessions.ts'
import * as createKnowledge from './20261124_0023_create_knowledge.ts'
import * as createModels from './20261124_0024_create_models.ts'
import * as createExecutions from './20261124_0025_create_executions.ts'
import * as createCommerce from './20261124_0026_create_commerce.ts'
import * as createPoints from './20261124_0027_create_points.ts'
import * as addMemoryLanguage from './20261124_0028_add_memory_language.ts'
import * as completeMemories from './20261124_0029_complete_memories.ts'
import * as createAddMemories from './20261124_0030_create_add_memories.ts'
import * as createMemorySearch from './20261124_0032_create_memory_search.ts'
import * as addFeedbackAndExpiry from './20261124_0033_add_feedback_and_expiry.ts'
import * as letCheckpointsBePruned from './20261124_0034_let_checkpoints_be_pruned.ts'
import * as notifyHotMemories from './20261124_0035_notify_hot_memories.ts'
import * as trackReembeddings from './20261124_0036_track_reembeddings.ts'
import * as prepareErasure from './20261124_0037_prepare_erasure.ts'
import * as createErasure from './20261124_0038_create_erasure.ts'
import * as openUntrustedReads from './20261124_0039_open_untrusted_reads.ts'
import * as letImportsThrough from './20261124_0040_let_imports_through.ts'
import * as lookUpDuplicatesOnly from './20261128_0041_look_up_duplicates_only.ts'
import * as keepPlansOfWordSearch from './20261128_0042_keep_plans_of_word_search.ts'
import * as leadWordIndexesWithTenant from './20261128_0043_lead_word_indexes_with_tenant.ts'

/**
 * Gives a Migrator the migrations of ibex-db, by the names of their files, with their checksums.
 *
 * Keep its tables apart from those of your own migrations: `new SafeMigrator({ db, provider: migrationProvider })` notes
 * them in `ibex_core`. Kysely's own Migrator takes it too.
 */
export const migrationProvider: MigrationSource = {
  getMigrations: async () =>
    await Promise.resolve({
      '20261122_0001_create_roles': createRoles,
      '20261122_0002_create_extension': createExtension,
      '20261122_0003_create_schema': createSchema,
      '20261122_0004_create_functions': createFunctions,
      '20261122_0005_create_organizations': createOrganizations,
      '20261122_0006_create_users': createUsers,
      '20261122_0007_create_agents': createAgents,
      '20261122_0008_create_tokens': createTokens,
      '20261122_0009_create_directives': createDirectives,
      '20261122_0010_create_directive_versions': createDirectiveVersions,
      '20261122_0011_reference_active_version': referenceActiveVersion,
      '20261122_0012_create_sessions': createSessions,
      '20261122_0013_create_checkpoints': createCheckpoints,
      '20261122_0014_create_memories': createMemories,
      '20261122_0015_create_memory_versions': createMemoryVersions,
      '20261122_0016_create_memory_relationships': createMemoryRelationships,
      '20261122_0017_create_memory_tags': createMemoryTags,
      '20261122_0018_create_memory_usage': createMemoryUsage,
      '20261124_0019_complete_identity': completeIdentity,
      '20261124_0020_complete_agents': completeAgents,
      '20261124_0021_create_projects': createProjects,
      '20261124_0022_complete_sessions': completeSessions,
      '20261124_0023_create_knowledge': createKnowledge,
      '20261124_0024_create_models': createModels,
      '20261124_0025_create_executions': createExecutions,
      '20261124_0026_create_commerce': createCommerce,
      '20261124_0027_create_points': createPoints,
      '20261124_0028_add_memory_language': addMemoryLanguage,
      '20261124_0029_complete_memories': completeMemories,
      '20261124_0030_create_add_memories': createAddMemories,
      '20261124_0032_create_memory_search': createMemorySearch,
      '20261124_0033_add_feedback_and_expiry': addFeedbackAndExpiry,
      '20261124_0034_let_checkpoints_be_pruned': letCheckpointsBePruned,
      '20261124_0035_notify_hot_memories': notifyHotMemories,
      '20261124_0036_track_reembeddings': trackReembeddings,
      '20261124_0037_prepare_erasure': prepareErasure,
      '20261124_0038_create_erasure': createErasure,
      '20261124_0039_open_untrusted_reads': openUntrustedReads,
      '20261124_0040_let_imports_through': letImportsThrough,
      '20261128_0041_look_up_duplicates_only': lookUpDuplicatesOnly,
      '20261128_0042_keep_plans_of_word_search': keepPlansOfWordSearch,
      '20261128_0043_lead_word_indexes_with_tenant': leadWordIndexesWithTenant,
    }),
  getChecksums: async () => await Promise.resolve(checksums),
}
