/** Which domain a table belongs to: the one thing about the schema that the database cannot tell. */
import { ScriptError } from '../command-line.ts'

/** Tables that one part of the system is about. */
export interface Domain {
  /** The folder in `src/` that serves them. */
  readonly name: string
  /** What they are about, in a line. */
  readonly about: string
  /** In the order in which a reader wants to meet them. */
  readonly tables: readonly string[]
  /** Where and how the picture draws them. */
  readonly picture: DomainPicture
}

/** A domain's place in the picture. */
export interface DomainPicture {
  /** Dark enough for white letters; its background is a tint of it. */
  readonly colour: string
  /** The column, from the left; there the domains stand in the order of the map. */
  readonly column: number
  /** Whether tables that refer to others stand to their right or below them. */
  readonly flow: 'right' | 'down'
}

/** A domain with what the database has of it. */
export interface DomainTables<T> {
  readonly domain: Domain
  readonly tables: readonly T[]
}

/** The domains of `ibex_core`. A new table is entered here; the script fails until it is. */
export const domains: readonly Domain[] = [
  {
    name: 'identity',
    about: 'Who is a customer, who works there, and what opens the door.',
    tables: ['organizations', 'users', 'teams', 'team_memberships', 'tokens'],
    picture: { colour: '#2f5d8a', column: 0, flow: 'down' },
  },
  {
    name: 'agents',
    about: 'The AI agents, what they are told, and the roles that they play.',
    tables: ['agents', 'directives', 'directive_versions', 'roles', 'prompt_templates'],
    picture: { colour: '#6b4f8f', column: 1, flow: 'right' },
  },
  {
    name: 'projects',
    about: 'What people work on, and what holds true there.',
    tables: ['projects', 'project_roles', 'canon_items'],
    picture: { colour: '#66731c', column: 2, flow: 'down' },
  },
  {
    name: 'sessions',
    about: 'Conversations with agents, turn by turn.',
    tables: ['sessions', 'messages', 'attachments', 'checkpoints'],
    picture: { colour: '#1a7482', column: 1, flow: 'right' },
  },
  {
    name: 'memory',
    about: 'What agents remember, how it changed, and how it is used.',
    tables: [
      'memories',
      'memory_usage',
      'memory_versions',
      'memory_relationships',
      'memory_tags',
      'memory_tombstones',
      'embedding_models',
      'memory_votes',
      'memory_reembeddings',
      'memory_embeddings_staged',
    ],
    picture: { colour: '#a3466b', column: 2, flow: 'down' },
  },
  {
    name: 'knowledge',
    about: 'Documents to look things up in.',
    tables: ['rag_documents'],
    picture: { colour: '#2f7d52', column: 2, flow: 'right' },
  },
  {
    name: 'models',
    about: 'The catalogue of language models, the same for everybody.',
    tables: ['llm_providers', 'llm_models'],
    picture: { colour: '#566070', column: 1, flow: 'right' },
  },
  {
    name: 'executions',
    about: 'What agents, tools and models did, and who asked for it.',
    tables: ['agent_executions', 'tool_executions', 'llm_round_table_results', 'audit_logs'],
    picture: { colour: '#a84b2b', column: 1, flow: 'down' },
  },
  {
    name: 'commerce',
    about: 'Products, orders, and the points that customers collect.',
    tables: ['products', 'orders', 'order_items', 'point_accounts', 'points_ledger'],
    picture: { colour: '#8f6714', column: 0, flow: 'down' },
  },
  {
    name: 'erasure',
    about: 'What must be kept, and the proof of what was erased.',
    tables: ['legal_holds', 'erasure_receipts', 'organization_erasures'],
    picture: { colour: '#5d5d5d', column: 0, flow: 'right' },
  },
]

/**
 * Sorts tables into their domains, in the order of the map.
 *
 * @throws {ScriptError} when a table is in no domain, or a domain names one that is not there.
 */
export function groupByDomain<T extends { readonly name: string }>(
  tables: readonly T[],
  map: readonly Domain[],
): readonly DomainTables<T>[] {
  const byName = new Map(tables.map((table) => [table.name, table]))
  const named = map.flatMap((domain) => domain.tables)
  const strangers = tables.map(({ name }) => name).filter((name) => !named.includes(name))
  if (strangers.length > 0) {
    throw new ScriptError(`in no domain: ${strangers.join(', ')}; enter them in ${file}`)
  }
  const missing = named.filter((name) => !byName.has(name))
  if (missing.length > 0) {
    throw new ScriptError(`not in the database: ${missing.join(', ')}; take them out of ${file}`)
  }
  return map.map((domain) => ({ domain, tables: domain.tables.flatMap((name) => byName.get(name) ?? []) }))
}

const file = 'scripts/schema-docs/domains.ts'
