/** The data model as it was designed: what every table must have, whatever else it has. */

/** A table as it was designed. By default it belongs to a tenant, is keyed by its `id`, and its rows change. */
export interface TableExpectation {
  /** `root` is the table of the tenants themselves, `global` one that all tenants share. */
  readonly kind?: 'root' | 'global'
  /** The key after `org_id`, where it is not `id`. */
  readonly key?: string
  readonly appendOnly?: true
  /** The function that says which rows of an append-only table the system role may delete. */
  readonly pruning?: string
  readonly softDelete?: true
  readonly partitions?: number
  /** `name type`, then `!` where it is required and `?` where it may be null, as far as that was designed; then `= default`. */
  readonly columns: string
  /** Defaults that are JSON. */
  readonly jsonDefaults?: Readonly<Record<string, object>>
  /** The values of a column that is one of a list. */
  readonly values?: Readonly<Record<string, string>>
  readonly checks?: readonly CheckExpectation[]
  /** Further keys, without the `org_id` that they begin with. */
  readonly unique?: readonly string[]
  /** Columns, then the table referred to, and what happens when its row is deleted, as far as that was designed. */
  readonly references?: Readonly<Record<string, string>>
  /** What for, and the columns that it begins with, without `org_id`. */
  readonly indexes?: Readonly<Record<string, string>>
  /** Functions that triggers run, and when. */
  readonly triggers?: readonly string[]
}

/** What rows a check lets pass and which ones not, as far as these columns go. */
export interface CheckExpectation {
  readonly takes: readonly Readonly<Record<string, string>>[]
  readonly refuses: readonly Readonly<Record<string, string>>[]
}

const someId = '11111111-1111-4111-8111-111111111111'
const otherId = '22222222-2222-4222-8222-222222222222'

/** The tables, by their names in `ibex_core`. */
export const dataModel: Readonly<Record<string, TableExpectation>> = {
  organizations: {
    kind: 'root',
    softDelete: true,
    columns: `name text!, slug text!, tier text!, status text!, custom_token_quota_monthly bigint?,
      custom_memory_quota bigint?, custom_agent_quota integer?, stripe_customer_id text?, billing_email text?,
      billing_cycle_anchor date?, embedding_model text! = all-MiniLM-L6-v2, embedding_dim integer! = 384, settings jsonb!`,
    values: { tier: 'free pro enterprise', status: 'active suspended cancelled trial' },
    checks: [like('slug', ['acme', '4-you'], ['', 'Acme', 'a b', 'a_b'])],
    unique: ['slug', 'stripe_customer_id'],
  },
  users: {
    softDelete: true,
    columns: `email text!, username text?, name text?, password_hash text?, role text! = member, status text!,
      is_verified boolean!, sso_provider text?, sso_subject text?, avatar_url text?, settings jsonb!, metadata jsonb!,
      last_login_at timestamptz?`,
    values: { role: 'owner admin member viewer customer', status: 'active invited suspended deactivated' },
    checks: [like('email', ['ana@example.com'], ['', 'ana', '@example.com', 'ana@', 'a na@example.com'])],
    unique: ['email_lower where (deleted_at IS NULL)', 'username'],
  },
  teams: {
    softDelete: true,
    columns: `name text!, slug text!, owner_id uuid!, settings jsonb!, shared_skill_names text[]!, webhook_url text?,
      webhook_secret text?, conversation_retention_days integer! = 90`,
    checks: [like('slug', ['ab', 'a-1'], ['', '-a', 'a-', 'A1', 'a b'])],
    unique: ['slug'],
    references: { owner_id: 'users' },
  },
  team_memberships: {
    columns: 'team_id uuid!, user_id uuid!, role text!',
    values: { role: 'owner admin member viewer' },
    unique: ['team_id, user_id'],
    references: { team_id: 'teams cascade', user_id: 'users cascade' },
  },
  tokens: {
    columns: `user_id uuid?, agent_id uuid?, type text!, hash char(64)!, prefix text!, name text!, description text?,
      permissions bigint!, expires_at timestamptz?, is_revoked boolean!, revoked_at timestamptz?, revoked_by uuid?,
      revoke_reason text?, last_used_at timestamptz?, last_used_ip inet?, use_count bigint!, allowed_ips inet[]!`,
    values: { type: 'pat org_token service_token marketplace' },
    unique: ['hash'],
    references: { user_id: 'users cascade', agent_id: 'agents cascade' },
  },
  agents: {
    softDelete: true,
    columns: `team_id uuid?, created_by uuid?, name text!, slug text!, tagline text?, avatar_emoji text?, status text!,
      config jsonb!, metadata jsonb!, personality jsonb!, model_config jsonb!, memory_config jsonb!, boundaries jsonb!,
      shared_skill_names text[]!, custom_skill_names text[]!, disabled_skill_names text[]!, tags text[]!,
      total_sessions integer!, total_memories integer!, total_tokens_used bigint!, last_active_at timestamptz?`,
    jsonDefaults: {
      model_config: { model_name: 'default', temperature: 0.7, max_output_tokens: 4096 },
      memory_config: {
        token_budget: 2000,
        auto_extract: true,
        auto_pin_preferences: true,
        summarize_interval: 20,
        retrieval_weights: {
          relevance: 0.4,
          recency: 0.25,
          usefulness: 0.2,
          confidence: 0.1,
          frequency: 0.05,
        },
      },
      boundaries: { max_autonomy: 'execute', max_tool_calls_per_turn: 10 },
    },
    values: { status: 'draft active paused suspended archived' },
    unique: ['slug where (deleted_at IS NULL)'],
    references: { team_id: 'teams set null', created_by: 'users set null' },
  },
  directives: {
    columns: 'agent_id uuid!, active_version_id uuid?, injection_mode text!, is_active boolean!',
    values: { injection_mode: 'system_first system_append user_prepend' },
    unique: ['agent_id'],
    // the key holds the directive's own id, so the active version is one of this directive
    references: {
      agent_id: 'agents cascade',
      'id, active_version_id': 'directive_versions (directive_id, id) set null (active_version_id)',
    },
  },
  directive_versions: {
    appendOnly: true,
    columns:
      'directive_id uuid!, version_num integer!, content text!, content_hash char(64)!, created_by uuid?',
    checks: [ofLength('content', 1, 32_768)],
    unique: ['directive_id, version_num'],
    references: { directive_id: 'directives cascade' },
  },
  roles: {
    columns: 'name text!, description text?',
    checks: [upTo('name', 50), upTo('description', 255)],
    unique: ['name'],
  },
  prompt_templates: {
    columns: 'role_id uuid!, name text!, content text!, is_default boolean!',
    checks: [upTo('name', 100)],
    unique: ['role_id, name'],
    references: { role_id: 'roles cascade' },
  },
  projects: {
    softDelete: true,
    columns: 'name text!, slug text!, description text?, project_structure text?',
    checks: [upTo('name', 100)],
    unique: ['name', 'slug'],
  },
  project_roles: {
    columns: 'project_id uuid!, role_id uuid!',
    unique: ['project_id, role_id'],
    references: { project_id: 'projects cascade', role_id: 'roles cascade' },
  },
  canon_items: {
    columns: `project_id uuid!, role_id uuid?, type text!, title text!, body text!, tags text[]!, terms text?,
      is_active boolean!`,
    values: { type: 'ADR CHANGELOG BACKLOG GLOSSARY PMD' },
    checks: [upTo('title', 256)],
    references: { project_id: 'projects cascade', role_id: 'roles set null' },
    indexes: {
      'the items of a project and a role by type and time': 'btree project_id, role_id, type, created_at',
      'text search': 'gin org_id, search_vector',
    },
  },
  sessions: {
    softDelete: true,
    columns: `agent_id uuid!, user_id uuid?, project_id uuid?, directive_version_id uuid?, external_id text?, title text?,
      status text!, model text?, provider text?, turn_count integer!, message_count integer!,
      total_input_tokens bigint!, total_output_tokens bigint!, total_latency_ms bigint!, last_extracted_turn integer!,
      summary text?, metadata jsonb!, last_message_at timestamptz?, completed_at timestamptz?`,
    values: { status: 'active idle completed abandoned error' },
    unique: ['agent_id, external_id'],
    references: {
      agent_id: 'agents',
      user_id: 'users set null',
      project_id: 'projects set null',
      directive_version_id: 'directive_versions set null',
    },
    indexes: {
      "an agent's sessions, newest first": 'btree agent_id, created_at',
      'the idle sweep': 'btree status where (deleted_at IS NULL)',
      'the extraction queue':
        "btree completed_at where ((status = 'completed'::text) AND (last_extracted_turn < turn_count) AND (deleted_at IS NULL))",
    },
  },
  messages: {
    softDelete: true,
    columns: `session_id uuid!, seq integer!, agent_id uuid?, role_id uuid?, role text!, content text!, tool_calls jsonb?,
      tool_results jsonb?, token_count integer, model text?, is_summary boolean!, is_ai_to_ai boolean!,
      feedback_rating text?, feedback_comment text?`,
    values: { role: 'user assistant system tool', feedback_rating: 'positive negative' },
    unique: ['session_id, seq'],
    references: { session_id: 'sessions cascade', agent_id: 'agents set null', role_id: 'roles set null' },
    triggers: ['count_messages on insert', 'count_messages on update', 'count_messages on delete'],
  },
  attachments: {
    columns: `message_id uuid!, filename text!, original_filename text!, file_type text!, mime_type text!,
      file_size bigint!, file_path text!, uploaded_at timestamptz!`,
    values: { file_type: 'image document data' },
    checks: [
      upTo('filename', 255),
      upTo('original_filename', 255),
      atLeast('file_size', 0),
      upTo('file_path', 500),
    ],
    references: { message_id: 'messages cascade' },
  },
  checkpoints: {
    appendOnly: true,
    pruning: 'refuse_checkpoint_delete',
    columns: `session_id uuid!, agent_id uuid, turn_index integer!, request_id text?, messages_hash char(64)?,
      completion_hash char(64)?, input_tokens integer!, output_tokens integer!, model text?, provider text?,
      latency_ms integer?, provider_request_id text?, is_streaming boolean!, is_complete boolean!, state jsonb!`,
    checks: [atLeast('turn_index', 0)],
    unique: ['session_id, turn_index'],
    references: { session_id: 'sessions cascade', agent_id: 'agents' },
    indexes: {
      'the turn of a request': 'btree session_id, request_id, turn_index where (request_id IS NOT NULL)',
    },
  },
  memories: {
    softDelete: true,
    partitions: 16,
    columns: `agent_id uuid?, user_id uuid?, session_id uuid?, content text!, content_hash char(64)!,
      embedding vector(384)!, embedding_model text, category text!, source text!, status text!, tier text!,
      importance smallint! = 5, is_pinned boolean!, subject text?, confidence real! = 0.8, superseded_by uuid?,
      merged_into uuid?, source_message_ids uuid[]!, search_vector tsvector, language text!, expires_at timestamptz?, metadata jsonb!`,
    values: {
      category: 'factual preference behavioral episodic procedural identity',
      source: 'extracted user_provided imported inferred feedback consolidated system',
      status: 'active superseded merged archived pending_review disputed',
      tier: 'hot warm cold',
    },
    checks: [
      ofLength('content', 1, 8192),
      like('content_hash', ['0'.repeat(64)], ['x'.repeat(64), '0'.repeat(63)]),
      {
        takes: [{ importance: '1' }, { importance: '10' }],
        refuses: [{ importance: '0' }, { importance: '11' }],
      },
      {
        takes: [{ status: 'superseded', superseded_by: someId }],
        refuses: [{ status: 'active', superseded_by: someId }],
      },
    ],
    unique: [
      "agent_id, content_hash nulls not distinct where ((status = 'active'::text) AND (deleted_at IS NULL))",
    ],
    references: {
      agent_id: 'agents cascade',
      user_id: 'users set null',
      session_id: 'sessions set null',
      superseded_by: 'memories set null',
      merged_into: 'memories set null',
    },
    indexes: {
      'vector search': 'hnsw embedding vector_cosine_ops',
      'text search': 'gin org_id, search_vector',
      'the expiry sweep': 'btree expires_at where ((expires_at IS NOT NULL) AND (deleted_at IS NULL))',
    },
    triggers: ['write_memory_version on insert', 'write_memory_version on update'],
  },
  memory_usage: {
    key: 'memory_id',
    columns: `memory_id uuid!, retrieval_count integer!, injection_count integer!, last_retrieved_at timestamptz?,
      last_injected_at timestamptz?, usefulness_score real! = 0.5, positive_votes integer!, negative_votes integer!`,
    references: { memory_id: 'memories cascade' },
  },
  memory_votes: {
    columns: 'memory_id uuid!, user_id uuid?, agent_id uuid?, vote text!, comment text?',
    values: { vote: 'positive negative' },
    checks: [
      ofLength('comment', 1, 2000),
      {
        takes: [{ user_id: someId }, { agent_id: someId }],
        refuses: [{ user_id: someId, agent_id: otherId }],
      },
    ],
    unique: ['memory_id, user_id, agent_id nulls not distinct'],
    references: { memory_id: 'memories cascade', user_id: 'users cascade', agent_id: 'agents cascade' },
    triggers: ['insert', 'update', 'delete'].map((event) => `count_memory_votes on ${event}`),
  },
  memory_versions: {
    appendOnly: true,
    columns: `memory_id uuid!, version_num integer!, operation text!, content text!, category text!, status text!,
      tier text!, importance smallint!, confidence real!, metadata jsonb, changed_by_type text!, changed_by text?,
      change_reason text?`,
    values: {
      operation: 'create update supersede merge archive restore delete',
      changed_by_type: 'extraction user system conflict_resolution',
    },
    unique: ['memory_id, version_num'],
    references: { memory_id: 'memories cascade' },
  },
  memory_relationships: {
    columns: 'source_id uuid!, target_id uuid!, relation_type text!, confidence real!, metadata jsonb!',
    values: {
      relation_type: 'supports contradicts supersedes refines co_occurs derived_from related_to',
    },
    checks: [
      {
        takes: [{ source_id: someId, target_id: otherId }],
        refuses: [{ source_id: someId, target_id: someId }],
      },
    ],
    unique: ['source_id, target_id, relation_type'],
    references: { source_id: 'memories cascade', target_id: 'memories cascade' },
  },
  memory_tags: {
    key: 'memory_id, tag',
    columns: 'memory_id uuid!, tag text!',
    checks: [ofLength('tag', 1, 64)],
    references: { memory_id: 'memories cascade' },
    indexes: { 'the memories of a tag': 'btree tag' },
  },
  rag_documents: {
    partitions: 16,
    columns: `document_id text!, chunk_index integer!, total_chunks integer!, source_path text?, content text!,
      content_hash char(64)!, embedding vector(1536)?, embedding_model text?, search_vector tsvector, metadata jsonb!`,
    checks: [upTo('document_id', 100), upTo('source_path', 500)],
    unique: ['document_id, chunk_index'],
    indexes: {
      'vector search': 'hnsw embedding vector_cosine_ops',
      'text search': 'gin org_id, search_vector',
    },
  },
  llm_providers: {
    kind: 'global',
    softDelete: true,
    columns: 'name text!',
    checks: [upTo('name', 50)],
    unique: ['name'],
  },
  llm_models: {
    kind: 'global',
    softDelete: true,
    columns: 'provider_id uuid!, model_code text!, request_url text!, context_window integer!',
    unique: ['model_code'],
    references: { provider_id: 'llm_providers' },
  },
  llm_round_table_results: {
    columns: `result_id text!, prompt text!, task_category text!, winner_provider text!, winner_response text!,
      participants jsonb! = [], metadata jsonb!`,
    checks: [{ takes: [{ participants: '[{}]' }], refuses: [{ participants: '{}' }] }],
    unique: ['result_id'],
  },
  agent_executions: {
    columns: `execution_id text!, agent_id uuid?, agent_name text!, prompt text!, status text!, result jsonb?,
      tokens_used integer?, duration_ms float8?, metadata jsonb!`,
    values: { status: 'running completed failed' },
    unique: ['execution_id'],
    references: { agent_id: 'agents set null' },
  },
  tool_executions: {
    columns: `correlation_id text!, tool_name text!, agent_id uuid?, user_id uuid?, inputs jsonb!, output jsonb?,
      status text!, duration_ms float8?, error_message text?, metadata jsonb!`,
    values: { status: 'running completed failed' },
    references: { agent_id: 'agents set null', user_id: 'users set null' },
    indexes: {
      'the calls of a request': 'btree correlation_id',
      'statistics by time and tool': 'btree created_at, tool_name',
    },
  },
  audit_logs: {
    appendOnly: true,
    columns: `project_id uuid?, role_id uuid?, session_id uuid?, actor text?, provider text?, action text!, query text?,
      model_version text?, metadata jsonb!`,
    indexes: { 'pages by time': 'btree created_at' },
  },
  products: {
    softDelete: true,
    columns: `sku text!, name text!, description text?, category text?, price numeric(10,2)!,
      inventory_quantity integer!, status text!, tags text[]!, metadata jsonb!`,
    values: { status: 'draft published archived' },
    checks: [upTo('name', 500), atLeast('inventory_quantity', 0)],
    unique: ['sku'],
  },
  orders: {
    columns: `order_number text!, user_id uuid?, status text!, subtotal numeric(10,2)!, total_price numeric(10,2)!,
      metadata jsonb!`,
    values: { status: 'pending processing completed cancelled' },
    unique: ['order_number'],
    references: { user_id: 'users set null' },
  },
  point_accounts: {
    columns: `user_id uuid!, balance bigint!, frozen_balance bigint!, lifetime_earned bigint!, lifetime_spent bigint!,
      version bigint!`,
    checks: [
      ...['balance', 'frozen_balance', 'lifetime_earned', 'lifetime_spent'].map((column) =>
        atLeast(column, 0),
      ),
      { takes: [{ frozen_balance: '2', balance: '2' }], refuses: [{ frozen_balance: '3', balance: '2' }] },
    ],
    unique: ['user_id'],
    references: { user_id: 'users' },
  },
  points_ledger: {
    appendOnly: true,
    columns: `user_id uuid!, change_type text!, amount bigint!, direction text!, balance_after bigint!, biz_type text!,
      event_id text!, metadata jsonb!`,
    values: { direction: 'credit debit' },
    checks: [atLeast('amount', 1)],
    unique: ['event_id'],
    references: { user_id: 'users' },
  },
}

function like(column: string, takes: readonly string[], refuses: readonly string[]): CheckExpectation {
  const rows = (values: readonly string[]): Readonly<Record<string, string>>[] =>
    values.map((value) => ({ [column]: value }))
  return { takes: rows(takes), refuses: rows(refuses) }
}

function upTo(column: string, most: number): CheckExpectation {
  return like(column, ['x'.repeat(most)], ['x'.repeat(most + 1)])
}

function ofLength(column: string, least: number, most: number): CheckExpectation {
  const [short, long] = ['x'.repeat(least), 'x'.repeat(most)]
  return like(column, [short, long], [short.slice(1), `${long}x`])
}

function atLeast(column: string, least: number): CheckExpectation {
  return like(column, [String(least)], [String(least - 1)])
}
