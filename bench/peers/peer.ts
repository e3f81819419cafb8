/** What every contender of the comparison does, each in its own library's words. */

/** Says how a peer reaches the server. */
export interface PeerConnection {
  /** The login `ibex_bench` of the scratch database: a member of `ibex_app` that inherits its rights, held by every policy. */
  readonly url: string
  /** Connections at most. */
  readonly poolSize: number
}

/**
 * A library that is compared, opened.
 *
 * Each method is one unit of work of one tenant, written as the library's own documentation says: a transaction, the tenant by
 * `select set_config('app.current_org_id', $1, true)`, the statements, the commit; no `org_id` is trusted to the application
 * alone. Every row comes back with all columns of `ibex_core.agents` (for memories: those of {@link FoundMemory}), under the
 * columns' own names. What is returned is compared with what was asked for when the clock has stopped.
 */
export interface Peer extends AsyncDisposable {
  /** As people call it: `Prisma`. */
  readonly name: string
  /** The version that is installed, without a `v`. */
  readonly version: string
  /** Reads an agent that is not deleted, by its id. */
  findAgent(orgId: string, id: string): Promise<AgentRow | null | undefined>
  /** Reads the newest `limit` agents that are not deleted, by `created_at desc, id desc`. */
  listAgents(orgId: string, limit: number): Promise<readonly AgentRow[]>
  /** Inserts an agent and returns its row, with what the database filled in. */
  insertAgent(orgId: string, agent: NewAgent): Promise<AgentRow>
  /** Changes an agent's tagline and returns its row as it is then. */
  updateAgent(orgId: string, id: string, tagline: string): Promise<AgentRow>
  /**
   * Five statements in one transaction, each needing the one before: reads the agent, inserts a session for it, inserts
   * `question` (role `user`) and then `answer` (role `assistant`) as two messages of the session, and sets the session's title
   * and its status to `completed`.
   */
  recordConversation(orgId: string, conversation: NewConversation): Promise<RecordedConversation>
  /** Inserts memories in one transaction, all or nothing, the fastest way that the library documents; returns how many. */
  addMemories(orgId: string, memories: readonly NewMemory[]): Promise<number>
  /**
   * Finds the nearest active memories by cosine distance, nearest first. `hnsw.iterative_scan = relaxed_order` and
   * `hnsw.ef_search = 100` are set in the same `select set_config(…)` as the tenant: without them the policy starves the index.
   */
  nearestMemories(orgId: string, embedding: readonly number[], limit: number): Promise<readonly FoundMemory[]>
  /** Finds active memories that hold the words of `text` (`search_vector @@ plainto_tsquery('english', text)`), best first. */
  memoriesByText(orgId: string, text: string, limit: number): Promise<readonly FoundMemory[]>
}

/** Opens a peer; its module exports it as `open`. */
export type OpenPeer = (connection: PeerConnection) => Promise<Peer>

/** A row of `ibex_core.agents`, as far as answers are compared by it. */
export interface AgentRow {
  readonly org_id: string
  readonly id: string
  readonly name: string
  readonly slug: string
  readonly tagline: string | null
  readonly status: string
  readonly tags: readonly string[]
  readonly created_at: Date | string
}

/** What an agent is inserted with; the database fills in the rest. */
export interface NewAgent {
  readonly name: string
  readonly slug: string
  readonly tagline: string
  readonly status: 'active'
  readonly tags: readonly string[]
}

/** What {@link Peer.recordConversation} writes. */
export interface NewConversation {
  readonly agentId: string
  readonly question: string
  readonly answer: string
  readonly title: string
}

/** What {@link Peer.recordConversation} has written. */
export interface RecordedConversation {
  readonly agent: AgentRow
  readonly sessionId: string
  /** The `seq` of the two messages, which a trigger numbers: 1 and 2. */
  readonly seqs: readonly number[]
  /** The session's title and status as the update returned them. */
  readonly title: string | null
  readonly status: string
}

/** What a memory is inserted with; the database fills in the rest. */
export interface NewMemory {
  readonly agent_id: string
  readonly content: string
  /** SHA-256 of the normalised content in hex, as `ibex_core.memories` wants it. */
  readonly content_hash: string
  readonly category: 'factual'
  /** 384 numbers. */
  readonly embedding: readonly number[]
}

/** A memory that was found. */
export interface FoundMemory {
  readonly id: string
  readonly agent_id: string | null
  readonly content: string
  readonly category: string
  readonly status: string
  readonly importance: number
  readonly confidence: number
  readonly created_at: Date | string
}
