/** What peers share: the columns that a search answers with, the rows of a bulk insert, and where a version is found. */
import { readFileSync } from 'node:fs'
import pgvector from 'pgvector'
import type { NewMemory } from './peer.ts'

/** The columns of `ibex_core.memories` that a search answers with. */
export const foundMemoryColumns = [
  'id',
  'agent_id',
  'content',
  'category',
  'status',
  'importance',
  'confidence',
  'created_at',
] as const

/** Reads which version of a package of `bench/` is installed. */
export function installedVersion(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  // npm installs no package without a version
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}

/** A row of `ibex_core.memories`, with its vector in PostgreSQL's notation. */
export interface MemoryRow extends Omit<NewMemory, 'embedding'> {
  readonly org_id: string
  readonly embedding: string | null
}

/** Makes the row that a multi-row insert takes. */
export function memoryRow(
  orgId: string,
  { agent_id: agentId, content, content_hash: hash, category, embedding }: NewMemory,
): MemoryRow {
  return {
    org_id: orgId,
    agent_id: agentId,
    content,
    content_hash: hash,
    category,
    embedding: pgvector.toSql([...embedding]),
  }
}
