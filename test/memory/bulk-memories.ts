/** Many memories of no agent, and what became of them. */
import { BulkAddError } from '../../src/errors.ts'
import type { AddManyOptions, BulkMemoryInput, BulkMemorySource } from '../../src/memory/add-many.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { failure } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

/** The embedding of all of them. */
export const embedding = direction('any')

export function input(content: string, values: Partial<BulkMemoryInput> = {}): BulkMemoryInput {
  return { agentId: null, content, embedding, category: 'factual', ...values }
}

/** Memories whose contents are `0`, `1`, `2` … */
export function numbered(count: number, values: Partial<BulkMemoryInput> = {}): BulkMemoryInput[] {
  return Array.from({ length: count }, (_, index) => input(String(index), values))
}

/** The contents of a tenant's memories, by number. */
export async function storedContents({ memories }: TenantScope): Promise<string[]> {
  const rows = await memories.find()
  return rows.map(({ content }) => content).toSorted((one, other) => Number(one) - Number(other))
}

/** Runs what must stop half-way, and returns its error. */
export async function stopped(
  { memories }: TenantScope,
  source: BulkMemorySource,
  options: AddManyOptions = {},
): Promise<BulkAddError> {
  const error = await failure(async () => await memories.addMany(source, options))
  if (error instanceof BulkAddError) return error
  throw error
}
