/** The statement that carries role, tenant and every other transaction-local setting. */
import type { BatchStatement } from './message-batch.ts'

/** Transaction-local settings by name; custom names need a dot: `app.current_org_id`. */
export type Settings = Readonly<Record<string, string>>

const texts: Map<number, string> = new Map()

/**
 * Makes the statement that sets `settings` until the end of the transaction, or undefined when there are none.
 *
 * `set local x = $1` is a syntax error in PostgreSQL, so names and values travel as parameters of `set_config`, whose third
 * argument `true` is what `local` means.
 *
 * ```sql
 * select set_config($1, $2, true), set_config($3, $4, true)
 * ```
 */
export function settingsStatement(settings: Settings): BatchStatement | undefined {
  const entries = Object.entries(settings)
  if (entries.length === 0) return undefined
  return { text: settingsText(entries.length), values: entries.flat() }
}

function settingsText(count: number): string {
  let text = texts.get(count)
  if (text === undefined) {
    const calls = Array.from(
      { length: count },
      (_, index) => `set_config($${index * 2 + 1}, $${index * 2 + 2}, true)`,
    )
    text = `select ${calls.join(', ')}`
    texts.set(count, text)
  }
  return text
}
