/** What adding a memory gives back. */
import type { Memory } from '../../types/database.d.ts'
import { ErasedContentError } from '../errors.ts'
import type { AddedMemory } from './add-memories.ts'

/** What became of one memory. */
export interface AddResult extends AddedMemory {
  /**
   * The memory that now holds what was added: itself, the one that was there, unchanged, or the one that took it in.
   *
   * @throws {ErasedContentError} when it is read of the outcome `erased`, where there is none.
   */
  readonly memory: Memory
}

/** Makes the result of what became of a memory. */
export function toAddResult(
  added: (Pick<AddedMemory, 'outcome' | 'others'> & { readonly memory: Memory | null }) | undefined,
): AddResult {
  if (added === undefined) throw new TypeError('the database told nothing of the memory')
  const { outcome, others, memory } = added
  if (memory !== null) return { outcome, id: memory.id, others, memory }
  // not enumerable, so that the result can be printed and compared
  const erased = Object.defineProperty({ outcome, id: null, others }, 'memory', {
    get: () => {
      throw new ErasedContentError(
        'there is no memory: its content was erased and shall not be learnt again, see the outcome',
        { sqlState: '23514', schema: 'ibex_core', table: 'memories' },
      )
    },
  })
  // the getter gives no memory, and ends what reads it
  return erased as unknown as AddResult
}
