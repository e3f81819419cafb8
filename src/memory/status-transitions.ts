/** Which status of a memory may follow which: the one place that decides it. */
import type { MemoryStatus } from '../../types/database.d.ts'
import { MemoryStatusError } from '../errors.ts'

/**
 * What a memory may become, by the status that it is in, and who makes it so:
 *
 * | from             | to           | by                                                              |
 * | ---------------- | ------------ | --------------------------------------------------------------- |
 * | `active`         | `superseded` | `supersede`, `add` (policy `supersede`), `resolveConflict`      |
 * |                  | `merged`     | `merge`                                                         |
 * |                  | `archived`   | `archive`                                                       |
 * | `pending_review` | `active`     | `resolveConflict`: `keep_new`, `keep_both`                      |
 * |                  | `archived`   | `resolveConflict`: `keep_old`; `archive`                        |
 * |                  | `merged`     | `resolveConflict`: `merge`; `merge`                             |
 * | `disputed`       | `superseded` | `supersede`                                                     |
 * |                  | `merged`     | `merge`                                                         |
 * |                  | `archived`   | `archive`                                                       |
 * | `archived`       | `active`     | `restore`                                                       |
 * | `superseded`     | `archived`   | `archive`                                                       |
 * | `merged`         | `archived`   | `archive`                                                       |
 *
 * `undo` takes a memory back to any status that it had. A soft-deleted memory keeps its status, and none of these touches it
 * before it is restored.
 */
const transitions: Readonly<Record<MemoryStatus, readonly MemoryStatus[]>> = {
  active: ['superseded', 'merged', 'archived'],
  pending_review: ['active', 'archived', 'merged'],
  disputed: ['superseded', 'merged', 'archived'],
  archived: ['active'],
  superseded: ['archived'],
  merged: ['archived'],
}

/** The statuses from which a memory may come to this one. */
export function statusesBefore(to: MemoryStatus): readonly MemoryStatus[] {
  // the keys of the record are the statuses
  return (Object.keys(transitions) as MemoryStatus[]).filter((from) => transitions[from].includes(to))
}

/** @throws {MemoryStatusError} when what a memory is does not lead to this status. */
export function assertTransition(from: MemoryStatus, to: MemoryStatus): void {
  if (!transitions[from].includes(to)) throw new MemoryStatusError(from, statusesBefore(to).join(' or '))
}
