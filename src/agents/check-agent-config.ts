/** Checks the JSON columns of agents before they are written. */
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames, isPlainObject } from '../tenancy/arguments.ts'
import { partialSchemas, wholeSchemas } from './agent-config-schemas.ts'
import type { ColumnSchemas } from './agent-config-schemas.ts'
import type { AgentConfig, AgentConfigPatch } from './agent-config.ts'
import { checkValue } from './check-value.ts'

/** The columns of a row or patch that have a shape, as they are handed in. */
type Unchecked = { readonly [C in keyof AgentConfig]?: unknown }

/** A column that was given, and a checked copy of its object. */
type CheckedColumn = readonly [column: keyof AgentConfig, object: object]

/**
 * Checks the JSON columns that a row or patch gives, each a whole object, and returns it with copies of them.
 *
 * A key that is missing is refused, and so is one that does not exist: misspelt, it would be ignored for ever.
 *
 * @throws {InvalidArgumentError} whose `argument` is the path: `memory_config.retrieval_weights.recency`.
 */
export function checkAgentConfig<R extends Unchecked>(row: R): R {
  const checked = checkColumns(row, wholeSchemas)
  return checked.length === 0 ? row : { ...row, ...Object.fromEntries(checked) }
}

/**
 * Checks some keys of the JSON columns and returns them by column; what is undefined, and a column without any key, is left out.
 *
 * @throws {InvalidArgumentError} as {@link checkAgentConfig} does, but for keys that are missing.
 */
export function checkAgentConfigPatch(patch: AgentConfigPatch): readonly CheckedColumn[] {
  if (!isPlainObject(patch)) throw new InvalidArgumentError('patch', 'must be an object of columns')
  checkOptionNames('column', patch, new Set(Object.keys(partialSchemas)))
  return checkColumns(patch, partialSchemas).flatMap(([column, keys]) => {
    const given = Object.entries(keys).filter(([, value]) => value !== undefined)
    return given.length === 0 ? [] : [[column, Object.fromEntries(given)] as const]
  })
}

function checkColumns(values: Unchecked, schemas: ColumnSchemas): readonly CheckedColumn[] {
  const checked: CheckedColumn[] = []
  // the schemas have these keys and no others
  for (const column of Object.keys(schemas) as (keyof AgentConfig)[]) {
    // untyped code may hand in what is no object at all: the repository says so
    const value: unknown = values?.[column]
    if (value === undefined) continue
    checked.push([column, checkValue(column, schemas[column], value)])
  }
  return checked
}
