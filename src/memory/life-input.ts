/** Checks what is to become of memories. */
import { InvalidArgumentError } from '../errors.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import type { OtherMemory } from './memory-life.ts'
import { checkMemory } from './memory-input.ts'
import type { MemoryInput } from './memory-input.ts'

const maxMerged = 100

/** The id as PostgreSQL writes it, so that ids can be compared. */
export function checkMemoryId(name: string, id: unknown): string {
  return checkUuid(name, id).toLowerCase()
}

/** @throws {InvalidArgumentError} when it is neither a uuid nor a memory to add. */
export function checkOther(name: string, other: string | MemoryInput): OtherMemory {
  return typeof other === 'string' ? checkMemoryId(name, other) : checkMemory(other)
}

/** @throws {InvalidArgumentError} when there is nothing to merge, too much, or the target is among it. */
export function checkMerge(
  ids: readonly string[],
  into: string | MemoryInput,
): { readonly ids: readonly string[]; readonly into: OtherMemory } {
  if (!Array.isArray(ids)) throw new InvalidArgumentError('ids', 'must be an array of uuids')
  const distinct = [...new Set(ids.map((id) => checkMemoryId('ids', id)))]
  if (distinct.length === 0 || distinct.length > maxMerged)
    throw new InvalidArgumentError('ids', `must be 1 to ${maxMerged} memories`)
  const other = checkOther('into', into)
  if (typeof other === 'string' && distinct.includes(other))
    throw new InvalidArgumentError('into', 'must be another memory than those that are merged')
  return { ids: distinct, into: other }
}
