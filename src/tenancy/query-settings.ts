/** Settings for one statement: they ride in its batch. */
import type { CompiledQuery } from 'kysely'
import type { Settings } from './settings.ts'

const settingsKey: unique symbol = Symbol('ibex settings')

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
  return { ...query, [settingsKey]: settings } as CompiledQuery<O>
}

/** The settings that {@link withSettings} attached. */
export function settingsOf(query: CompiledQuery): Settings | undefined {
  // the key is a private symbol: nothing but withSettings can have set it
  return (query as QueryWithSettings)[settingsKey]
}
