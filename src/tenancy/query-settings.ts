/** Settings for one statement: they ride in its batch. */
import type { CompiledQuery } from 'kysely'
import { InvalidArgumentError } from '../errors.ts'
import type { Settings } from './settings.ts'

const settingsKey: unique symbol = Symbol('ibex settings')

/** PostgreSQL compares the names of settings without case. */
const reserved = /^(?:role|session_authorization|row_security|app\.current_org_id)$/i

interface QueryWithSettings {
  readonly [settingsKey]?: Settings
}

/**
 * Returns the compiled query with transaction-local settings that are sent in the same round trip, before it.
 *
 * Outside a transaction they end with the statement; inside one they last until it ends, as `set local` does.
 *
 * ```ts
 * const query = withSettings(builder.compile(), { 'hnsw.ef_search': '100' })
 * const { rows } = await scope.db.executeQuery(query)
 * ```
 */
export function withSettings<O>(query: CompiledQuery<O>, settings: Settings): CompiledQuery<O> {
  for (const name of Object.keys(settings)) {
    if (reserved.test(name))
      throw new InvalidArgumentError('settings', 'name what the scope is made of: use another scope')
  }
  return { ...query, [settingsKey]: { ...settings } } as CompiledQuery<O>
}

/** The settings that {@link withSettings} attached. */
export function settingsOf(query: CompiledQuery): Settings | undefined {
  // the key is a private symbol: nothing but withSettings can have set it
  return (query as QueryWithSettings)[settingsKey]
}
