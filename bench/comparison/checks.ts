/** Compares answers with what was to be answered; values come from many libraries, and types differ a little. */
import { isDeepStrictEqual } from 'node:util'
import type { AgentRow } from '../peers/peer.ts'

/**
 * Compares an agent's row by the columns that peers agree on; a time may be a text.
 *
 * @throws when the answer is no row, or differs: the message names the columns.
 */
export function assertAgent(answer: AgentRow | null | undefined, wanted: AgentRow): void {
  if (answer === null || answer === undefined) throw new Error('no row came back')
  const differing = columns.filter((column) => !isDeepStrictEqual(answer[column], wanted[column]))
  if (toMs(answer.created_at) !== toMs(wanted.created_at)) differing.push('created_at')
  if (differing.length > 0) throw new Error(`another row than the one asked for: ${differing.join(', ')}`)
}

const columns: (keyof AgentRow)[] = ['org_id', 'id', 'name', 'slug', 'tagline', 'status', 'tags']

/** PostgreSQL counts microseconds, a Date milliseconds. */
function toMs(time: Date | string): number {
  return new Date(time).getTime()
}

/** @throws when the ids are not the same ones in the same order. */
export function assertOrder(ids: readonly string[], wanted: readonly string[]): void {
  if (!isDeepStrictEqual([...ids], [...wanted]))
    throw new Error('other rows, or another order, than asked for')
}

/** @throws when the two differ in value or type; `what` says of what they are. */
export function assertSame(found: unknown, wanted: unknown, what: string): void {
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`${what}: found ${show(found)}, wanted ${show(wanted)}`)
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** @throws when there is none. */
export function requireRow<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('a row that was answered is not stored')
  return row
}
