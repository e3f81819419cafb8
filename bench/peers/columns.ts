/** The columns that every peer answers with, and the version of a peer. */
import { readFileSync } from 'node:fs'

/** All columns of `ibex_core.agents`, in the table's order. */
export const agentColumns = [
  'org_id',
  'id',
  'created_by',
  'name',
  'slug',
  'tagline',
  'avatar_emoji',
  'status',
  'config',
  'metadata',
  'personality',
  'model_config',
  'memory_config',
  'boundaries',
  'shared_skill_names',
  'custom_skill_names',
  'disabled_skill_names',
  'tags',
  'total_sessions',
  'total_memories',
  'total_tokens_used',
  'last_active_at',
  'created_at',
  'updated_at',
  'deleted_at',
  'team_id',
] as const

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
