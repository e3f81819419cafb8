/** A history in which one tenant notices another: made short, and readable. */
import type { Operation } from './operation.ts'
import type { HistoryRunner, Interference } from './run-history.ts'

/** A history in which one tenant notices the other, and of which no step can be left out. */
export interface Counterexample {
  readonly seed: number
  /** The statements in their order, each with the tenant that sends it. */
  readonly history: readonly { readonly by: 'mine' | 'theirs'; readonly statement: string }[]
  readonly interference: Interference
}

/** Leaves out steps, many at once and then one at a time, as long as the difference stays. */
export async function shortenHistory(
  runner: Pick<HistoryRunner, 'compare'>,
  found: { readonly history: readonly Operation[]; readonly interference: Interference },
): Promise<{ readonly history: readonly Operation[]; readonly interference: Interference }> {
  let { history, interference } = found
  for (let size = Math.ceil(history.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let end = history.length; end > 0; end -= size) {
      const shorter = history.filter((_, place) => place < end - size || place >= end)
      const difference = shorter.length === 0 ? undefined : await runner.compare(shorter)
      if (difference === undefined) continue
      history = shorter
      interference = difference
    }
  }
  return { history, interference }
}

/** A step as it is printed. */
export function shown({
  by,
  statement,
  table,
  isRead,
  isUndone,
}: Operation): Counterexample['history'][number] {
  const text = isRead ? `select * from ${table.relation.sql}` : statement
  return { by, statement: isUndone ? `${text} (rolled back)` : text }
}

/** Writes the history, and what the two runs of it gave. */
export function formatCounterexample({ seed, history, interference }: Counterexample): string {
  const lines = history.map(({ by, statement }, place) => {
    const text = statement.length <= 400 ? statement : `${statement.slice(0, 399)}…`
    return `${place === interference.place ? '→' : ' '} ${by.padEnd(6)} ${text}`
  })
  const last = interference.place === history.length ? ['→ mine   reads all of its rows'] : []
  return [
    `one tenant notices what another one does (seed ${seed})`,
    ...lines,
    ...last,
    `  with what theirs does, it ${interference.together}`,
    `  without it, it ${interference.alone}`,
  ].join('\n')
}
