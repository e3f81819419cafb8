// Generated from a live database by `npm run types:generate`: never edit, run it again.

import type { ColumnType, Insertable, Selectable, Updateable } from "kysely";
import type { Vector } from "../src/vector/vector.js";
import type { AgentPersonality, AgentModelConfig, AgentMemoryConfig, AgentBoundaries } from "../src/agents/agent-config.js";

/** A column with a default: it may be left out of an insert. */
export type Generated<T> = ColumnType<T, T | undefined, T>;

/** A JSON array as it arrives; write it as {@link JsonText}. */
export type JsonArray = JsonValue[];

/** A JSON object, read and written as it is. */
export type JsonObject = {
  [x: string]: JsonValue | undefined;
};

/**
 * JSON as text: `JSON.stringify(value) as JsonText`. pg would send a bare array as a PostgreSQL array, and a bare
 * string as if it were JSON already; both are refused (SQLSTATE 22P02).
 */
export type JsonText = string & { readonly __json: true };

/** Any JSON as it arrives. */
export type JsonValue = JsonArray | JsonObject | boolean | number | string | null;

/** The values of `ibex_core.agent_executions.status`. */
export type AgentExecutionStatus = "running" | "completed" | "failed";

/** One run of an agent. */
export interface AgentExecutions {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** As the service calls it; unique in the organization. */
  execution_id: string;
  agent_id: string | null;
  /** The name at that time: it outlives the agent. */
  agent_name: string;
  prompt: string;
  status: Generated<AgentExecutionStatus>;
  result: ColumnType<JsonValue | null, JsonObject | JsonText | boolean | number | null, JsonObject | JsonText | boolean | number | null>;
  error_message: string | null;
  tokens_used: number | null;
  /** Whole milliseconds, measured by the database; null while it runs. */
  duration_ms: number | null;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.agent_executions`. */
export type AgentExecution = Selectable<AgentExecutions>;

/** What an insert into `ibex_core.agent_executions` takes. */
export type NewAgentExecution = Insertable<AgentExecutions>;

/** What an update of `ibex_core.agent_executions` takes. */
export type AgentExecutionPatch = Updateable<AgentExecutions>;

/** The values of `ibex_core.agents.status`. */
export type AgentStatus = "draft" | "active" | "paused" | "suspended" | "archived";

/** An AI agent of an organization. Its effective skills are (shared + custom) without disabled. */
export interface Agents {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** The user who created the agent. */
  created_by: string | null;
  name: string;
  /** The name in URLs; unique among the living agents of the organization. */
  slug: string;
  tagline: string | null;
  avatar_emoji: string | null;
  status: Generated<AgentStatus>;
  config: Generated<JsonObject>;
  metadata: Generated<JsonObject>;
  personality: Generated<AgentPersonality>;
  /** Which language model answers and how; model_name "default" leaves the choice to the service. */
  model_config: Generated<AgentModelConfig>;
  /** How memories are extracted and searched; the weights add up to 1. */
  memory_config: Generated<AgentMemoryConfig>;
  /** What the agent may do without asking. */
  boundaries: Generated<AgentBoundaries>;
  shared_skill_names: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  custom_skill_names: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  disabled_skill_names: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  tags: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  total_sessions: Generated<number>;
  total_memories: Generated<number>;
  total_tokens_used: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  last_active_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  /** The team whose skills it shares and whose retention it keeps. */
  team_id: string | null;
}

/** A row of `ibex_core.agents`. */
export type Agent = Selectable<Agents>;

/** What an insert into `ibex_core.agents` takes. */
export type NewAgent = Insertable<Agents>;

/** What an update of `ibex_core.agents` takes. */
export type AgentPatch = Updateable<Agents>;

/** The values of `ibex_core.attachments.file_type`. */
export type AttachmentFileType = "image" | "document" | "data";

/** A file that came with a message; the file itself lies elsewhere. */
export interface Attachments {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  message_id: string;
  /** The name that it is stored under. */
  filename: string;
  /** The name that the user gave it. */
  original_filename: string;
  file_type: AttachmentFileType;
  mime_type: string;
  /** Bytes. */
  file_size: ColumnType<string, bigint | number | string, bigint | number | string>;
  file_path: string;
  uploaded_at: ColumnType<Date, Date | string | undefined, Date | string>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.attachments`. */
export type Attachment = Selectable<Attachments>;

/** What an insert into `ibex_core.attachments` takes. */
export type NewAttachment = Insertable<Attachments>;

/** What an update of `ibex_core.attachments` takes. */
export type AttachmentPatch = Updateable<Attachments>;

/** Who did what. Append-only, and without foreign keys: it outlives what it names. */
export interface AuditLogs {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  project_id: string | null;
  role_id: string | null;
  session_id: string | null;
  /** Who did it; the setting app.actor_id when nobody is named. */
  actor: Generated<string | null>;
  provider: string | null;
  action: string;
  query: string | null;
  model_version: string | null;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.audit_logs`. */
export type AuditLog = Selectable<AuditLogs>;

/** What an insert into `ibex_core.audit_logs` takes. */
export type NewAuditLog = Insertable<AuditLogs>;

/** What an update of `ibex_core.audit_logs` takes. */
export type AuditLogPatch = Updateable<AuditLogs>;

/** The values of `ibex_core.canon_items.type`. */
export type CanonItemType = "ADR" | "CHANGELOG" | "BACKLOG" | "GLOSSARY" | "PMD";

/** Something that is settled in a project: a decision, a change, a task, a term. */
export interface CanonItems {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  project_id: string;
  /** The persona that it is for; null for every one. */
  role_id: string | null;
  type: CanonItemType;
  title: string;
  body: string;
  tags: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  /** Further words to find it by. */
  terms: string | null;
  is_active: Generated<boolean>;
  /** The words of title, terms and body, for text search. */
  search_vector: ColumnType<string, never, never>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.canon_items`. */
export type CanonItem = Selectable<CanonItems>;

/** What an insert into `ibex_core.canon_items` takes. */
export type NewCanonItem = Insertable<CanonItems>;

/** What an update of `ibex_core.canon_items` takes. */
export type CanonItemPatch = Updateable<CanonItems>;

/** What happened in a turn of a session, and what a resume needs. Append-only, but that the system role prunes turns which no resume needs. */
export interface Checkpoints {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  session_id: string;
  agent_id: string;
  /** Counts from 0 per session. */
  turn_index: number;
  request_id: string | null;
  /** SHA-256 of the messages that were sent. */
  messages_hash: string | null;
  /** SHA-256 of the answer. */
  completion_hash: string | null;
  input_tokens: Generated<number>;
  output_tokens: Generated<number>;
  model: string | null;
  provider: string | null;
  latency_ms: number | null;
  provider_request_id: string | null;
  is_streaming: Generated<boolean>;
  /** False when the answer broke off. */
  is_complete: Generated<boolean>;
  /** What a resume from this turn needs. */
  state: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.checkpoints`. */
export type Checkpoint = Selectable<Checkpoints>;

/** What an insert into `ibex_core.checkpoints` takes. */
export type NewCheckpoint = Insertable<Checkpoints>;

/** What an update of `ibex_core.checkpoints` takes. */
export type CheckpointPatch = Updateable<Checkpoints>;

/** A version of the text of a directive. Append-only. */
export interface DirectiveVersions {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  directive_id: string;
  /** Counts from 1 per directive. */
  version_num: number;
  content: string;
  /** SHA-256 of the content in 64 hexadecimal digits. */
  content_hash: string;
  /** The user who wrote it. */
  created_by: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.directive_versions`. */
export type DirectiveVersion = Selectable<DirectiveVersions>;

/** What an insert into `ibex_core.directive_versions` takes. */
export type NewDirectiveVersion = Insertable<DirectiveVersions>;

/** What an update of `ibex_core.directive_versions` takes. */
export type DirectiveVersionPatch = Updateable<DirectiveVersions>;

/** The values of `ibex_core.directives.injection_mode`. */
export type DirectiveInjectionMode = "system_first" | "system_append" | "user_prepend";

/** The standing instructions of an agent; their text is in directive_versions. */
export interface Directives {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  agent_id: string;
  /** The version in use, one of this directive; null before the first. */
  active_version_id: string | null;
  /** Where the text goes in the prompt. */
  injection_mode: Generated<DirectiveInjectionMode>;
  is_active: Generated<boolean>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.directives`. */
export type Directive = Selectable<Directives>;

/** What an insert into `ibex_core.directives` takes. */
export type NewDirective = Insertable<Directives>;

/** What an update of `ibex_core.directives` takes. */
export type DirectivePatch = Updateable<Directives>;

/** A model that embeds, with what its similarities mean. One without a row has the defaults. */
export interface EmbeddingModels {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** As in embedding_model of memories. */
  name: string;
  dimension: number;
  /** The cosine similarity from which two memories say the same. */
  duplicate_threshold: Generated<number>;
  /** The cosine similarity from which two memories of one category may contradict each other. */
  conflict_threshold: Generated<number>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.embedding_models`. */
export type EmbeddingModel = Selectable<EmbeddingModels>;

/** What an insert into `ibex_core.embedding_models` takes. */
export type NewEmbeddingModel = Insertable<EmbeddingModels>;

/** What an update of `ibex_core.embedding_models` takes. */
export type EmbeddingModelPatch = Updateable<EmbeddingModels>;

/** The values of `ibex_core.erasure_receipts.subject_type`. */
export type ErasureReceiptSubjectType = "memory" | "user";

/** What an erasure of a memory or a user took; holds nothing of them. Written by erase_subject alone. Append-only. */
export interface ErasureReceipts {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  subject_type: ErasureReceiptSubjectType;
  /** SHA-256 of the id that was erased, in lower case: proves it to whoever knows the id. */
  subject_hash: string;
  reason: string;
  /** The setting app.actor_type. */
  erased_by_type: string | null;
  /** The setting app.actor_id. */
  erased_by: string | null;
  /** Of each table with a change: {table, deleted, cleared}, in rows. */
  tables: ColumnType<JsonArray, JsonText, JsonText>;
  /** Rows that are gone, over all tables. */
  deleted: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Rows that stayed and no longer name it, over all tables. */
  cleared: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Contents that are not learnt again, new ones only. */
  tombstones: Generated<number>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.erasure_receipts`. */
export type ErasureReceipt = Selectable<ErasureReceipts>;

/** What an insert into `ibex_core.erasure_receipts` takes. */
export type NewErasureReceipt = Insertable<ErasureReceipts>;

/** What an update of `ibex_core.erasure_receipts` takes. */
export type ErasureReceiptPatch = Updateable<ErasureReceipts>;

/** The values of `ibex_core.legal_holds.subject_type`. */
export type LegalHoldSubjectType = "organization" | "user" | "agent" | "memory";

/** A duty to keep what is known of somebody or something: until it is released, nothing of it is deleted. */
export interface LegalHolds {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  subject_type: LegalHoldSubjectType;
  /** No foreign key: a released hold outlives what it stood for. A trigger looks the subject up. */
  subject_id: string;
  reason: string;
  /** The actor of the scope; created_at is when. */
  placed_by: Generated<string | null>;
  /** Null while it stands. */
  released_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  released_by: string | null;
  release_reason: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.legal_holds`. */
export type LegalHold = Selectable<LegalHolds>;

/** What an insert into `ibex_core.legal_holds` takes. */
export type NewLegalHold = Insertable<LegalHolds>;

/** What an update of `ibex_core.legal_holds` takes. */
export type LegalHoldPatch = Updateable<LegalHolds>;

/** A language model that can be used. Shared by all organizations. */
export interface LlmModels {
  id: ColumnType<string, string | undefined, never>;
  provider_id: string;
  /** What the provider calls the model. */
  model_code: string;
  /** Where requests go. */
  request_url: string;
  /** Tokens of prompt and answer together, at most. */
  context_window: number;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.llm_models`. */
export type LlmModel = Selectable<LlmModels>;

/** What an insert into `ibex_core.llm_models` takes. */
export type NewLlmModel = Insertable<LlmModels>;

/** What an update of `ibex_core.llm_models` takes. */
export type LlmModelPatch = Updateable<LlmModels>;

/** A company whose language models can be used. Shared by all organizations. */
export interface LlmProviders {
  id: ColumnType<string, string | undefined, never>;
  name: string;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.llm_providers`. */
export type LlmProvider = Selectable<LlmProviders>;

/** What an insert into `ibex_core.llm_providers` takes. */
export type NewLlmProvider = Insertable<LlmProviders>;

/** What an update of `ibex_core.llm_providers` takes. */
export type LlmProviderPatch = Updateable<LlmProviders>;

/** Which of several language models answered a prompt best. */
export interface LlmRoundTableResults {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** As the service calls it; unique in the organization. */
  result_id: string;
  prompt: string;
  /** Reasoning, creative, qa and the like. */
  task_category: string;
  winner_provider: string;
  winner_response: string;
  /** Everybody who took part, with scores. */
  participants: ColumnType<JsonArray, JsonText | undefined, JsonText>;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.llm_round_table_results`. */
export type LlmRoundTableResult = Selectable<LlmRoundTableResults>;

/** What an insert into `ibex_core.llm_round_table_results` takes. */
export type NewLlmRoundTableResult = Insertable<LlmRoundTableResults>;

/** What an update of `ibex_core.llm_round_table_results` takes. */
export type LlmRoundTableResultPatch = Updateable<LlmRoundTableResults>;

/** The values of `ibex_core.memories.category`. */
export type MemoryCategory = "factual" | "preference" | "behavioral" | "episodic" | "procedural" | "identity";

/** The values of `ibex_core.memories.source`. */
export type MemorySource = "extracted" | "user_provided" | "imported" | "inferred" | "feedback" | "consolidated" | "system";

/** The values of `ibex_core.memories.status`. */
export type MemoryStatus = "active" | "superseded" | "merged" | "archived" | "pending_review" | "disputed";

/** The values of `ibex_core.memories.tier`. */
export type MemoryTier = "hot" | "warm" | "cold";

/** The values of `ibex_core.memories.language`. */
export type MemoryLanguage = "english" | "simple" | "arabic" | "armenian" | "basque" | "catalan" | "danish" | "dutch" | "finnish" | "french" | "german" | "greek" | "hindi" | "hungarian" | "indonesian" | "irish" | "italian" | "lithuanian" | "nepali" | "norwegian" | "portuguese" | "romanian" | "russian" | "serbian" | "spanish" | "swedish" | "tamil" | "turkish" | "yiddish";

/** Something that an agent remembers. */
export interface Memories {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** Null for what all agents of the organization share. */
  agent_id: string | null;
  /** The user whom it is about. */
  user_id: string | null;
  /** The session that it comes from. */
  session_id: string | null;
  content: string;
  /** SHA-256 of the normalised content in 64 hexadecimal digits. */
  content_hash: string;
  embedding: Vector<384>;
  /** The model that made the embedding; null when the caller did not say. */
  embedding_model: string | null;
  category: MemoryCategory;
  source: Generated<MemorySource>;
  status: Generated<MemoryStatus>;
  tier: Generated<MemoryTier>;
  /** 1 to 10. */
  importance: Generated<number>;
  /** Always part of the context. */
  is_pinned: Generated<boolean>;
  /** Who or what it is about. */
  subject: string | null;
  /** How sure its source was, 0 to 1. */
  confidence: Generated<number>;
  /** The memory that replaced it. */
  superseded_by: string | null;
  /** The memory that took it in. */
  merged_into: string | null;
  source_message_ids: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  expires_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  /** The language of the content, by which its words are found; simple takes each word as it is. */
  language: Generated<MemoryLanguage>;
  /** The words of the content, for text search. */
  search_vector: ColumnType<string, never, never>;
}

/** A row of `ibex_core.memories`. */
export type Memory = Selectable<Memories>;

/** What an insert into `ibex_core.memories` takes. */
export type NewMemory = Insertable<Memories>;

/** What an update of `ibex_core.memories` takes. */
export type MemoryPatch = Updateable<Memories>;

/** The embeddings of a new model, until all memories have one. */
export interface MemoryEmbeddingsStagedTable {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  memory_id: ColumnType<string, string, never>;
  reembedding_id: string;
  /** Of the content that was embedded, which may have changed since. */
  content_hash: string;
  embedding: Vector<384>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_embeddings_staged`. */
export type MemoryEmbeddingsStaged = Selectable<MemoryEmbeddingsStagedTable>;

/** What an insert into `ibex_core.memory_embeddings_staged` takes. */
export type NewMemoryEmbeddingsStaged = Insertable<MemoryEmbeddingsStagedTable>;

/** What an update of `ibex_core.memory_embeddings_staged` takes. */
export type MemoryEmbeddingsStagedPatch = Updateable<MemoryEmbeddingsStagedTable>;

/** The values of `ibex_core.memory_reembeddings.status`. */
export type MemoryReembeddingStatus = "running" | "completed" | "cancelled";

/** A change of the model that embeds the memories. From the first one on all memories have one model. */
export interface MemoryReembeddings {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** The new model. */
  model: string;
  status: Generated<MemoryReembeddingStatus>;
  /** The run that goes on with it; another one takes it over. */
  holder: string;
  /** Contents embedded by all runs; one that changed meanwhile counts again. */
  embedded_count: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  finished_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_reembeddings`. */
export type MemoryReembedding = Selectable<MemoryReembeddings>;

/** What an insert into `ibex_core.memory_reembeddings` takes. */
export type NewMemoryReembedding = Insertable<MemoryReembeddings>;

/** What an update of `ibex_core.memory_reembeddings` takes. */
export type MemoryReembeddingPatch = Updateable<MemoryReembeddings>;

/** The values of `ibex_core.memory_relationships.relation_type`. */
export type MemoryRelationshipRelationType = "supports" | "contradicts" | "supersedes" | "refines" | "co_occurs" | "derived_from" | "related_to";

/** How one memory relates to another: source supports, contradicts, supersedes … target. */
export interface MemoryRelationships {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  source_id: string;
  target_id: string;
  relation_type: MemoryRelationshipRelationType;
  confidence: Generated<number>;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_relationships`. */
export type MemoryRelationship = Selectable<MemoryRelationships>;

/** What an insert into `ibex_core.memory_relationships` takes. */
export type NewMemoryRelationship = Insertable<MemoryRelationships>;

/** What an update of `ibex_core.memory_relationships` takes. */
export type MemoryRelationshipPatch = Updateable<MemoryRelationships>;

/** A tag of a memory. */
export interface MemoryTags {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  memory_id: ColumnType<string, string, never>;
  tag: ColumnType<string, string, never>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_tags`. */
export type MemoryTag = Selectable<MemoryTags>;

/** What an insert into `ibex_core.memory_tags` takes. */
export type NewMemoryTag = Insertable<MemoryTags>;

/** What an update of `ibex_core.memory_tags` takes. */
export type MemoryTagPatch = Updateable<MemoryTags>;

/** A content that was erased and shall not be learnt again. Only the system role lifts one. */
export interface MemoryTombstones {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** As in memories; the content itself is gone. */
  content_hash: string;
  erased_at: ColumnType<Date, Date | string | undefined, Date | string>;
  reason: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_tombstones`. */
export type MemoryTombstone = Selectable<MemoryTombstones>;

/** What an insert into `ibex_core.memory_tombstones` takes. */
export type NewMemoryTombstone = Insertable<MemoryTombstones>;

/** What an update of `ibex_core.memory_tombstones` takes. */
export type MemoryTombstonePatch = Updateable<MemoryTombstones>;

/** How a memory was used; created with the first use. Not in memories: an update there re-inserts the embedding into its index. */
export interface MemoryUsageTable {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  memory_id: ColumnType<string, string, never>;
  /** How often a search returned it. */
  retrieval_count: Generated<number>;
  /** How often it became part of a prompt. */
  injection_count: Generated<number>;
  last_retrieved_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  last_injected_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  /** How useful it turned out to be, 0 to 1: (positive votes + 1) / (votes + 2), so 0.5 without a vote; set by a trigger. */
  usefulness_score: Generated<number>;
  /** Set by a trigger from memory_votes. */
  positive_votes: Generated<number>;
  /** Set by a trigger from memory_votes. */
  negative_votes: Generated<number>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_usage`. */
export type MemoryUsage = Selectable<MemoryUsageTable>;

/** What an insert into `ibex_core.memory_usage` takes. */
export type NewMemoryUsage = Insertable<MemoryUsageTable>;

/** What an update of `ibex_core.memory_usage` takes. */
export type MemoryUsagePatch = Updateable<MemoryUsageTable>;

/** The values of `ibex_core.memory_versions.operation`. */
export type MemoryVersionOperation = "create" | "update" | "supersede" | "merge" | "archive" | "restore" | "delete";

/** The values of `ibex_core.memory_versions.changed_by_type`. */
export type MemoryVersionChangedByType = "extraction" | "user" | "system" | "conflict_resolution";

/** A memory as it was after a change, written by a trigger. Append-only. */
export interface MemoryVersions {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  memory_id: string;
  /** Counts from 1 per memory. */
  version_num: number;
  operation: MemoryVersionOperation;
  content: string;
  category: string;
  status: string;
  tier: string;
  importance: number;
  confidence: number;
  metadata: ColumnType<JsonValue, JsonObject | JsonText | boolean | number, JsonObject | JsonText | boolean | number>;
  /** The setting app.actor_type; system without one. */
  changed_by_type: MemoryVersionChangedByType;
  /** The setting app.actor_id. */
  changed_by: string | null;
  /** The setting app.change_reason. */
  change_reason: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** Whether the memory was soft-deleted then. */
  is_deleted: Generated<boolean>;
}

/** A row of `ibex_core.memory_versions`. */
export type MemoryVersion = Selectable<MemoryVersions>;

/** What an insert into `ibex_core.memory_versions` takes. */
export type NewMemoryVersion = Insertable<MemoryVersions>;

/** What an update of `ibex_core.memory_versions` takes. */
export type MemoryVersionPatch = Updateable<MemoryVersions>;

/** The values of `ibex_core.memory_votes.vote`. */
export type MemoryVoteVote = "positive" | "negative";

/** Whether a user or an agent found a memory useful, one vote each. A trigger counts it in memory_usage. */
export interface MemoryVotes {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  memory_id: string;
  /** The user who voted; null when an agent did. */
  user_id: string | null;
  /** The agent that voted; null when a user did. */
  agent_id: string | null;
  vote: MemoryVoteVote;
  comment: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.memory_votes`. */
export type MemoryVote = Selectable<MemoryVotes>;

/** What an insert into `ibex_core.memory_votes` takes. */
export type NewMemoryVote = Insertable<MemoryVotes>;

/** What an update of `ibex_core.memory_votes` takes. */
export type MemoryVotePatch = Updateable<MemoryVotes>;

/** The values of `ibex_core.messages.role`. */
export type MessageRole = "user" | "assistant" | "system" | "tool";

/** The values of `ibex_core.messages.feedback_rating`. */
export type MessageFeedbackRating = "positive" | "negative";

/** What was said in a session, or a summary of it. */
export interface Messages {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  session_id: string;
  /** Counts from 1 per session, without gaps. Left out, it is the next one; it never changes. */
  seq: Generated<number>;
  /** The agent that said it. */
  agent_id: string | null;
  /** The persona that the agent had taken on. */
  role_id: string | null;
  role: MessageRole;
  content: string;
  /** The tools that the assistant asked for. */
  tool_calls: ColumnType<JsonArray | null, JsonText | null, JsonText | null>;
  /** What the tools answered. */
  tool_results: ColumnType<JsonArray | null, JsonText | null, JsonText | null>;
  /** The tokens of the content, as the model counts them. */
  token_count: Generated<number>;
  model: string | null;
  /** It stands for the messages before it. */
  is_summary: Generated<boolean>;
  /** The seq of the last message that a summary stands for; left out, the one before it. */
  summary_up_to: number | null;
  /** One agent said it to another. */
  is_ai_to_ai: Generated<boolean>;
  feedback_rating: MessageFeedbackRating | null;
  feedback_comment: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.messages`. */
export type Message = Selectable<Messages>;

/** What an insert into `ibex_core.messages` takes. */
export type NewMessage = Insertable<Messages>;

/** What an update of `ibex_core.messages` takes. */
export type MessagePatch = Updateable<Messages>;

/** One line of an order, as it was when the order was placed. */
export interface OrderItems {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  order_id: string;
  /** Counts from 1 per order. */
  seq: number;
  /** Null when the product was deleted since. */
  product_id: string | null;
  sku: string;
  name: string;
  quantity: number;
  /** How many were taken from the inventory: what a cancelled order gives back. */
  taken_quantity: Generated<number>;
  unit_price: string;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.order_items`. */
export type OrderItem = Selectable<OrderItems>;

/** What an insert into `ibex_core.order_items` takes. */
export type NewOrderItem = Insertable<OrderItems>;

/** What an update of `ibex_core.order_items` takes. */
export type OrderItemPatch = Updateable<OrderItems>;

/** The values of `ibex_core.orders.status`. */
export type OrderStatus = "pending" | "processing" | "completed" | "cancelled";

/** An order of a user, or of a guest. */
export interface Orders {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** Unique in the organization. */
  order_number: string;
  /** Null for a guest. */
  user_id: string | null;
  status: Generated<OrderStatus>;
  /** The sum of the items; checked when the transaction ends. */
  subtotal: string;
  /** What is to be paid: the subtotal with shipping, taxes, discounts. */
  total_price: string;
  /** Shipping, payment and the like; adjustments: label and amount of each. */
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.orders`. */
export type Order = Selectable<Orders>;

/** What an insert into `ibex_core.orders` takes. */
export type NewOrder = Insertable<Orders>;

/** What an update of `ibex_core.orders` takes. */
export type OrderPatch = Updateable<Orders>;

/** What an erasure of an organization took; outlives it. Read by the system role alone. Append-only. */
export interface OrganizationErasures {
  id: ColumnType<string, string | undefined, never>;
  /** SHA-256 of the id that was erased, in lower case: proves it to whoever knows the id. */
  subject_hash: string;
  reason: string;
  /** The setting app.actor_type. */
  erased_by_type: string | null;
  /** The setting app.actor_id. */
  erased_by: string | null;
  /** Of each table with a change: {table, deleted, cleared}, in rows. */
  tables: ColumnType<JsonArray, JsonText, JsonText>;
  /** Rows that are gone, over all tables. */
  deleted: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Rows that stayed and no longer name it, over all tables. */
  cleared: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.organization_erasures`. */
export type OrganizationErasure = Selectable<OrganizationErasures>;

/** What an insert into `ibex_core.organization_erasures` takes. */
export type NewOrganizationErasure = Insertable<OrganizationErasures>;

/** What an update of `ibex_core.organization_erasures` takes. */
export type OrganizationErasurePatch = Updateable<OrganizationErasures>;

/** The values of `ibex_core.organizations.tier`. */
export type OrganizationTier = "free" | "pro" | "enterprise";

/** The values of `ibex_core.organizations.status`. */
export type OrganizationStatus = "active" | "suspended" | "cancelled" | "trial";

/** A customer: the tenant that every other row belongs to. */
export interface Organizations {
  id: ColumnType<string, string | undefined, never>;
  name: string;
  /** The name in URLs; unique among all organizations. */
  slug: string;
  /** What the customer pays for. */
  tier: Generated<OrganizationTier>;
  /** Only active and trial organizations are served. */
  status: Generated<OrganizationStatus>;
  /** Tokens a month; null for what the tier gives. */
  custom_token_quota_monthly: ColumnType<string | null, bigint | number | string | null, bigint | number | string | null>;
  /** Memories at most; null for what the tier gives. */
  custom_memory_quota: ColumnType<string | null, bigint | number | string | null, bigint | number | string | null>;
  /** Agents at most; null for what the tier gives. */
  custom_agent_quota: number | null;
  stripe_customer_id: string | null;
  billing_email: string | null;
  /** The day on which billing months begin. */
  billing_cycle_anchor: string | null;
  /** The model that embeds the memories of this organization. */
  embedding_model: Generated<string>;
  /** The dimension of that model. */
  embedding_dim: Generated<number>;
  settings: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.organizations`. */
export type Organization = Selectable<Organizations>;

/** What an insert into `ibex_core.organizations` takes. */
export type NewOrganization = Insertable<Organizations>;

/** What an update of `ibex_core.organizations` takes. */
export type OrganizationPatch = Updateable<Organizations>;

/** The points of a user: what the ledger adds up to, written by its triggers. */
export interface PointAccounts {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  user_id: string;
  balance: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** The part of the balance that cannot be spent now. */
  frozen_balance: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** All credits but releases. */
  lifetime_earned: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** All debits but freezes. */
  lifetime_spent: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Counts the movements: the optimistic lock. */
  version: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.point_accounts`. */
export type PointAccount = Selectable<PointAccounts>;

/** What an insert into `ibex_core.point_accounts` takes. */
export type NewPointAccount = Insertable<PointAccounts>;

/** What an update of `ibex_core.point_accounts` takes. */
export type PointAccountPatch = Updateable<PointAccounts>;

/** The values of `ibex_core.points_ledger.change_type`. */
export type PointsLedgerChangeType = "earn" | "refund" | "release" | "spend" | "expire" | "freeze" | "settle" | "adjust";

/** The values of `ibex_core.points_ledger.direction`. */
export type PointsLedgerDirection = "credit" | "debit";

/** A movement of points. Append-only; a trigger moves the account with it. */
export interface PointsLedgerTable {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  user_id: string;
  /** Counts from 1 per user; the version of the account after it. A trigger sets it, or checks the one given. */
  version: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Settle spends points that are frozen; freeze and release leave the balance as it is. */
  change_type: PointsLedgerChangeType;
  amount: ColumnType<string, bigint | number | string, bigint | number | string>;
  direction: PointsLedgerDirection;
  /** Set by a trigger. */
  balance_after: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** The part of balance_after that is frozen; set by a trigger. */
  frozen_after: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** What the points were given or taken for. */
  biz_type: string;
  /** What happened; moves points once in the organization. */
  event_id: string;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.points_ledger`. */
export type PointsLedger = Selectable<PointsLedgerTable>;

/** What an insert into `ibex_core.points_ledger` takes. */
export type NewPointsLedger = Insertable<PointsLedgerTable>;

/** What an update of `ibex_core.points_ledger` takes. */
export type PointsLedgerPatch = Updateable<PointsLedgerTable>;

/** The values of `ibex_core.products.status`. */
export type ProductStatus = "draft" | "published" | "archived";

/** Something that an organization sells. */
export interface Products {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** The stock-keeping unit; unique in the organization. */
  sku: string;
  name: string;
  description: string | null;
  category: string | null;
  price: string;
  /** How many are there to sell. */
  inventory_quantity: Generated<number>;
  status: Generated<ProductStatus>;
  tags: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  /** Variants, specifications and the like. */
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.products`. */
export type Product = Selectable<Products>;

/** What an insert into `ibex_core.products` takes. */
export type NewProduct = Insertable<Products>;

/** What an update of `ibex_core.products` takes. */
export type ProductPatch = Updateable<Products>;

/** A persona that works in a project. */
export interface ProjectRoles {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  project_id: string;
  role_id: string;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.project_roles`. */
export type ProjectRole = Selectable<ProjectRoles>;

/** What an insert into `ibex_core.project_roles` takes. */
export type NewProjectRole = Insertable<ProjectRoles>;

/** What an update of `ibex_core.project_roles` takes. */
export type ProjectRolePatch = Updateable<ProjectRoles>;

/** Something that an organization works on with its agents. */
export interface Projects {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  name: string;
  /** The key that APIs filter by; unique in the organization. */
  slug: string;
  description: string | null;
  /** How the project is laid out, for prompts. */
  project_structure: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.projects`. */
export type Project = Selectable<Projects>;

/** What an insert into `ibex_core.projects` takes. */
export type NewProject = Insertable<Projects>;

/** What an update of `ibex_core.projects` takes. */
export type ProjectPatch = Updateable<Projects>;

/** A prompt for a role. Of the templates of a role, exactly one is its default. */
export interface PromptTemplates {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** A template stays with its role. */
  role_id: string;
  name: string;
  content: string;
  /** The first template of a role is its default; updating another to true moves it, deleting it passes it on to the oldest left. */
  is_default: Generated<boolean>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.prompt_templates`. */
export type PromptTemplate = Selectable<PromptTemplates>;

/** What an insert into `ibex_core.prompt_templates` takes. */
export type NewPromptTemplate = Insertable<PromptTemplates>;

/** What an update of `ibex_core.prompt_templates` takes. */
export type PromptTemplatePatch = Updateable<PromptTemplates>;

/** A chunk of a document that agents look things up in. */
export interface RagDocuments {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** The document that the chunk is of, as the service calls it. */
  document_id: string;
  /** Counts from 0 per document. */
  chunk_index: Generated<number>;
  /** How many chunks the document has. */
  total_chunks: Generated<number>;
  /** Where the document comes from. */
  source_path: string | null;
  content: string;
  /** SHA-256 of the content in 64 hexadecimal digits. */
  content_hash: string;
  /** Null until the chunk is embedded. */
  embedding: Vector<1536> | null;
  /** The model that made the embedding. */
  embedding_model: string | null;
  /** The words of the content, for text search. */
  search_vector: ColumnType<string, never, never>;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.rag_documents`. */
export type RagDocument = Selectable<RagDocuments>;

/** What an insert into `ibex_core.rag_documents` takes. */
export type NewRagDocument = Insertable<RagDocuments>;

/** What an update of `ibex_core.rag_documents` takes. */
export type RagDocumentPatch = Updateable<RagDocuments>;

/** A persona that an agent takes on, with prompt templates for it. */
export interface Roles {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  name: string;
  description: string | null;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.roles`. */
export type Role = Selectable<Roles>;

/** What an insert into `ibex_core.roles` takes. */
export type NewRole = Insertable<Roles>;

/** What an update of `ibex_core.roles` takes. */
export type RolePatch = Updateable<Roles>;

/** The values of `ibex_core.sessions.status`. */
export type SessionStatus = "active" | "idle" | "completed" | "abandoned" | "error";

/** A conversation with an agent. */
export interface Sessions {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  agent_id: string;
  /** The user who owns the session. */
  user_id: string | null;
  /** The instructions that the agent followed. */
  directive_version_id: string | null;
  /** The id that the caller knows it by; unique per agent. */
  external_id: string | null;
  title: string | null;
  status: Generated<SessionStatus>;
  model: string | null;
  provider: string | null;
  turn_count: Generated<number>;
  /** How many messages it has, summaries included and soft-deleted ones not; set by a trigger. */
  message_count: Generated<number>;
  total_input_tokens: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  total_output_tokens: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  total_latency_ms: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Memories were extracted from the turns up to this one. */
  last_extracted_turn: Generated<number>;
  summary: string | null;
  metadata: Generated<JsonObject>;
  /** The time of the newest message that is neither soft-deleted nor a summary, which is no sign of life; set by a trigger. */
  last_message_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  completed_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  /** The project that it is about. */
  project_id: string | null;
  /** The seq of the last message; set by a trigger. */
  last_seq: Generated<number>;
}

/** A row of `ibex_core.sessions`. */
export type Session = Selectable<Sessions>;

/** What an insert into `ibex_core.sessions` takes. */
export type NewSession = Insertable<Sessions>;

/** What an update of `ibex_core.sessions` takes. */
export type SessionPatch = Updateable<Sessions>;

/** The values of `ibex_core.team_memberships.role`. */
export type TeamMembershipRole = "owner" | "admin" | "member" | "viewer";

/** A member of a team. */
export interface TeamMemberships {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  team_id: string;
  user_id: string;
  role: Generated<TeamMembershipRole>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.team_memberships`. */
export type TeamMembership = Selectable<TeamMemberships>;

/** What an insert into `ibex_core.team_memberships` takes. */
export type NewTeamMembership = Insertable<TeamMemberships>;

/** What an update of `ibex_core.team_memberships` takes. */
export type TeamMembershipPatch = Updateable<TeamMemberships>;

/** People of an organization who share agents. */
export interface Teams {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  name: string;
  /** The name in URLs; unique in the organization. */
  slug: string;
  /** The user who answers for the team; always an owner among its members. */
  owner_id: string;
  settings: Generated<JsonObject>;
  /** Skills that every agent of the team has. */
  shared_skill_names: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  webhook_url: string | null;
  /** What calls of webhook_url are signed with. */
  webhook_secret: string | null;
  /** Sessions of the team's agents are swept when they were silent for so many days. */
  conversation_retention_days: Generated<number>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
}

/** A row of `ibex_core.teams`. */
export type Team = Selectable<Teams>;

/** What an insert into `ibex_core.teams` takes. */
export type NewTeam = Insertable<Teams>;

/** What an update of `ibex_core.teams` takes. */
export type TeamPatch = Updateable<Teams>;

/** The values of `ibex_core.tokens.type`. */
export type TokenType = "pat" | "org_token" | "service_token" | "marketplace";

/** An access token. Only the SHA-256 of the secret is stored. */
export interface Tokens {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** The user that the token acts for. */
  user_id: string | null;
  /** The agent that the token acts for. */
  agent_id: string | null;
  type: TokenType;
  /** SHA-256 of the secret in 64 hexadecimal digits. */
  hash: string;
  /** The first characters of the secret, to recognize it by. */
  prefix: string;
  name: string;
  description: string | null;
  /** A bitmap. */
  permissions: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Null for a token that does not expire. */
  expires_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  is_revoked: Generated<boolean>;
  revoked_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  /** The user who revoked it. */
  revoked_by: string | null;
  revoke_reason: string | null;
  last_used_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  last_used_ip: string | null;
  use_count: ColumnType<string, bigint | number | string | undefined, bigint | number | string>;
  /** Empty allows every address. */
  allowed_ips: ColumnType<string[], ReadonlyArray<string> | undefined, ReadonlyArray<string>>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.tokens`. */
export type Token = Selectable<Tokens>;

/** What an insert into `ibex_core.tokens` takes. */
export type NewToken = Insertable<Tokens>;

/** What an update of `ibex_core.tokens` takes. */
export type TokenPatch = Updateable<Tokens>;

/** The values of `ibex_core.tool_executions.status`. */
export type ToolExecutionStatus = "running" | "completed" | "failed";

/** One call of a tool. */
export interface ToolExecutions {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** What all calls of one request share. */
  correlation_id: string;
  tool_name: string;
  agent_id: string | null;
  user_id: string | null;
  inputs: Generated<JsonObject>;
  output: ColumnType<JsonValue | null, JsonObject | JsonText | boolean | number | null, JsonObject | JsonText | boolean | number | null>;
  status: Generated<ToolExecutionStatus>;
  /** Whole milliseconds, measured by the database; null while it runs. */
  duration_ms: number | null;
  error_message: string | null;
  metadata: Generated<JsonObject>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
}

/** A row of `ibex_core.tool_executions`. */
export type ToolExecution = Selectable<ToolExecutions>;

/** What an insert into `ibex_core.tool_executions` takes. */
export type NewToolExecution = Insertable<ToolExecutions>;

/** What an update of `ibex_core.tool_executions` takes. */
export type ToolExecutionPatch = Updateable<ToolExecutions>;

/** The values of `ibex_core.users.role`. */
export type UserRole = "owner" | "admin" | "member" | "viewer" | "customer";

/** The values of `ibex_core.users.status`. */
export type UserStatus = "active" | "invited" | "suspended" | "deactivated";

/** A person of an organization. */
export interface Users {
  /** The organization that the row belongs to; the tenant of the session by default. */
  org_id: ColumnType<string, string | undefined, never>;
  id: ColumnType<string, string | undefined, never>;
  /** Unique among the living users of the organization, whatever the case. */
  email: string;
  username: string | null;
  name: string | null;
  /** Null for who signs in through sso_provider. */
  password_hash: string | null;
  role: Generated<UserRole>;
  status: Generated<UserStatus>;
  /** The person proved to own the email address. */
  is_verified: Generated<boolean>;
  sso_provider: string | null;
  /** The id of the person at sso_provider. */
  sso_subject: string | null;
  avatar_url: string | null;
  settings: Generated<JsonObject>;
  metadata: Generated<JsonObject>;
  last_login_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  created_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row last really changed; set by a trigger. */
  updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  /** When the row was soft-deleted; null while it lives. */
  deleted_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  /** The email address in lower case, to look it up by. */
  email_lower: ColumnType<string, never, never>;
}

/** A row of `ibex_core.users`. */
export type User = Selectable<Users>;

/** What an insert into `ibex_core.users` takes. */
export type NewUser = Insertable<Users>;

/** What an update of `ibex_core.users` takes. */
export type UserPatch = Updateable<Users>;

/** Every table and view by its qualified name. */
export interface DB {
  "ibex_core.agent_executions": AgentExecutions;
  "ibex_core.agents": Agents;
  "ibex_core.attachments": Attachments;
  "ibex_core.audit_logs": AuditLogs;
  "ibex_core.canon_items": CanonItems;
  "ibex_core.checkpoints": Checkpoints;
  "ibex_core.directive_versions": DirectiveVersions;
  "ibex_core.directives": Directives;
  "ibex_core.embedding_models": EmbeddingModels;
  "ibex_core.erasure_receipts": ErasureReceipts;
  "ibex_core.legal_holds": LegalHolds;
  "ibex_core.llm_models": LlmModels;
  "ibex_core.llm_providers": LlmProviders;
  "ibex_core.llm_round_table_results": LlmRoundTableResults;
  "ibex_core.memories": Memories;
  "ibex_core.memory_embeddings_staged": MemoryEmbeddingsStagedTable;
  "ibex_core.memory_reembeddings": MemoryReembeddings;
  "ibex_core.memory_relationships": MemoryRelationships;
  "ibex_core.memory_tags": MemoryTags;
  "ibex_core.memory_tombstones": MemoryTombstones;
  "ibex_core.memory_usage": MemoryUsageTable;
  "ibex_core.memory_versions": MemoryVersions;
  "ibex_core.memory_votes": MemoryVotes;
  "ibex_core.messages": Messages;
  "ibex_core.order_items": OrderItems;
  "ibex_core.orders": Orders;
  "ibex_core.organization_erasures": OrganizationErasures;
  "ibex_core.organizations": Organizations;
  "ibex_core.point_accounts": PointAccounts;
  "ibex_core.points_ledger": PointsLedgerTable;
  "ibex_core.products": Products;
  "ibex_core.project_roles": ProjectRoles;
  "ibex_core.projects": Projects;
  "ibex_core.prompt_templates": PromptTemplates;
  "ibex_core.rag_documents": RagDocuments;
  "ibex_core.roles": Roles;
  "ibex_core.sessions": Sessions;
  "ibex_core.team_memberships": TeamMemberships;
  "ibex_core.teams": Teams;
  "ibex_core.tokens": Tokens;
  "ibex_core.tool_executions": ToolExecutions;
  "ibex_core.users": Users;
}
