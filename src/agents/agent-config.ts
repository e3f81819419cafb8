/** The shapes of the JSON columns of agents. */

/** The JSON columns of an agent that have a shape. */
export interface AgentConfig {
  readonly model_config: AgentModelConfig
  readonly memory_config: AgentMemoryConfig
  readonly boundaries: AgentBoundaries
  readonly personality: AgentPersonality
}

/** Some keys of some of the columns; what is undefined counts as left out. */
export type AgentConfigPatch = {
  readonly [C in keyof AgentConfig]?: SomeKeys<AgentConfig[C]> | undefined
}

type SomeKeys<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Which language model answers, and how. */
export interface AgentModelConfig {
  /** Not blank; `default` leaves the choice to the service. */
  readonly model_name: string
  /** How freely it answers, 0 to 2. */
  readonly temperature: number
  /** Tokens of an answer at most, 1 or more. */
  readonly max_output_tokens: number
  /** The share of probable tokens that it chooses from, 0 to 1. */
  readonly top_p?: number | undefined
  /** Who serves the model; not blank. */
  readonly provider?: string | undefined
  /** Texts at which an answer ends; none is empty. */
  readonly stop?: readonly string[] | undefined
}

/** How memories are extracted and searched. */
export interface AgentMemoryConfig {
  /** Tokens that memories may take of a prompt; 0 for none. */
  readonly token_budget: number
  /** Memories are extracted from sessions. */
  readonly auto_extract: boolean
  /** Preferences are pinned, so that they are part of every prompt. */
  readonly auto_pin_preferences: boolean
  /** Turns after which a session is summarized, 1 or more. */
  readonly summarize_interval: number
  readonly retrieval_weights: RetrievalWeights
}

/** What the score of a memory is made of: each 0 to 1, not all 0. By default they add up to 1. */
export interface RetrievalWeights {
  /** How near it is to what was asked. */
  readonly relevance: number
  /** How young it is. */
  readonly recency: number
  /** How useful it was before. */
  readonly usefulness: number
  /** How sure its source was. */
  readonly confidence: number
  /** How often it was retrieved. */
  readonly frequency: number
}

/** What the agent may do without asking. */
export interface AgentBoundaries {
  /** From only looking on to acting without being asked. */
  readonly max_autonomy: AgentAutonomy
  /** Calls of tools in one turn at most; 0 for none. */
  readonly max_tool_calls_per_turn: number
  readonly can_do?: readonly string[] | undefined
  readonly cannot_do?: readonly string[] | undefined
  /** When a person must be asked. */
  readonly escalates_when?: readonly string[] | undefined
  /** The hosts that its tools may reach; without the key the service decides. */
  readonly allowed_domains?: readonly string[] | undefined
}

/** How far an agent goes on its own, from least to most. */
export type AgentAutonomy = 'observe' | 'suggest' | 'confirm' | 'execute'

/** How the agent speaks. */
export interface AgentPersonality {
  readonly tone?: string | undefined
  readonly verbosity?: string | undefined
  /** How marked a trait is, 0 to 1, by its name. */
  readonly traits?: Readonly<Record<string, number>> | undefined
  readonly always_rules?: readonly string[] | undefined
  readonly never_rules?: readonly string[] | undefined
  /** What a user said, and what this agent would answer. */
  readonly voice_examples?: readonly VoiceExample[] | undefined
  readonly custom_instructions?: string | undefined
}

/** A turn that shows how the agent speaks. */
export interface VoiceExample {
  readonly user: string
  readonly agent: string
}
