/** The statements that carry role, tenant and every other transaction-local setting. */
import type { ContextStyle } from '../database/options.ts'
import { quoteName, quoteText } from '../database/quote.ts'
import { InvalidArgumentError } from '../errors.ts'
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

/**
 * Makes the statements that set `settings` the way that `context` says; none when there are no settings.
 *
 * One statement a setting: Citus forwards the text of the whole statement.
 *
 * ```sql
 * set local "app"."current_org_id" = '0198…'
 * ```
 *
 * @throws {InvalidArgumentError} when a name or a value cannot be written as a literal.
 */
export function settingsStatements(settings: Settings, context: ContextStyle): readonly BatchStatement[] {
  if (context === 'set local')
    return Object.entries(settings).map(([name, value]) => ({ text: setLocal(name, value), values: [] }))
  const statement = settingsStatement(settings)
  return statement === undefined ? [] : [statement]
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

/** Settings whose value is a list of names: as one literal, `set` would take the list for one name. */
const lists: ReadonlySet<string> = new Set(['search_path', 'temp_tablespaces'])

function setLocal(name: string, value: string): string {
  const parts = name.split('.')
  // the server cuts longer identifiers, and would set what another name says
  if (parts.some((part) => part === '' || part.includes('\0') || Buffer.byteLength(part) > 63))
    throw new InvalidArgumentError('settings', 'hold a name that is none: parts of 1 to 63 bytes, with dots')
  if (typeof value !== 'string' || value.includes('\0'))
    throw new InvalidArgumentError('settings', 'hold a value that is no text, or has a zero byte')
  const values = lists.has(name.toLowerCase()) ? namesOf(value) : [value]
  return `set local ${parts.map(quoteName).join('.')} = ${values.map(quoteText).join(', ')}`
}

/** The names of a list, read as PostgreSQL reads it: in lower case unless quoted. */
function namesOf(list: string): readonly string[] {
  const names = Array.from(list.matchAll(/"((?:[^"]|"")*)"|[^\s,]+/g), ([plain, quoted]) =>
    quoted === undefined ? plain.toLowerCase() : quoted.replaceAll('""', '"'),
  )
  return names.length === 0 ? [''] : names
}
