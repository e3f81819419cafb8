/** Settings for one statement: they ride in its batch. */
import type { CompiledQuery } from 'kysely'
import { InvalidArgumentError } from '../errors.ts'
import type { Settings } from './settings.ts'

const settingsKey: unique symbol = Symbol('ibex settings')
const keptPlanKey: unique symbol = Symbol('ibex settings of a kept plan')

/** PostgreSQL compares the names of settings without case. */
const reserved = /^(?:role|session_authorization|row_security|app\.current_org_id)$/i

interface QueryWithSettings {
  readonly [settingsKey]?: Settings
  readonly [keptPlanKey]?: Settings
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

/**
 * Adds settings with which the server plans the statement once for a connection, and keeps the plan.
 *
 * They are sent where that pays and nobody else would be planned with them: with a named statement that this connection has sent
 * often, outside a transaction. Elsewhere those of {@link withSettings} hold alone.
 */
export function withKeptPlan<O>(query: CompiledQuery<O>, settings: Settings): CompiledQuery<O> {
  return { ...query, [keptPlanKey]: settings } as CompiledQuery<O>
}

/** The settings that {@link withSettings} attached, and those of {@link withKeptPlan} where they help. */
export function settingsOf(query: CompiledQuery, canKeepPlan: boolean): Settings | undefined {
  // the keys are private symbols: nothing but the functions above can have set them
  const { [settingsKey]: settings, [keptPlanKey]: keptPlan } = query as QueryWithSettings
  return canKeepPlan && keptPlan !== undefined ? { ...settings, ...keptPlan } : settings
}
