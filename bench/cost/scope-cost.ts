/** What a scope that is kept weighs. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { summarise } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'

/** The heap that one of many takes. */
export interface ScopeCost {
  readonly what: string
  readonly bytes: Summary
}

/** How much is weighed. */
export interface ScopePlan {
  readonly scopes: number
  readonly repeats: number
  /** A superuser's URL; without one, scopes that were used are not weighed. */
  readonly url: string | undefined
}

/** Weighs scopes as they are made, and as they are after a read; beside them a Kysely for each tenant. */
export async function measureScopes({ scopes, repeats, url }: ScopePlan): Promise<ScopeCost[]> {
  const extent = [String(scopes), String(repeats)]
  const costs = [
    { what: 'a scope', bytes: weigh('scope', ...extent) },
    { what: 'a Kysely of its own', bytes: weigh('kysely', ...extent) },
  ]
  if (url === undefined) return costs
  await using scratch = await createScratchDatabase(url)
  await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
  const few = [String(Math.ceil(scopes / 10)), String(repeats)]
  return [...costs, { what: 'a scope after a read', bytes: weigh('used', ...few, scratch.url) }]
}

/** In a process of its own, so that nothing else is in the heap. */
function weigh(...args: readonly string[]): Summary {
  const program = join(import.meta.dirname, 'weigh-scopes.ts')
  const output = execFileSync(process.execPath, ['--expose-gc', program, ...args], { encoding: 'utf8' })
  // written by the program
  return summarise(JSON.parse(output) as number[])
}
