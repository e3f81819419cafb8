/** Finds the column that ties a row to its tenant. */
import type { CatalogTable } from './catalog.ts'
import { readTokens } from './sql-tokens.ts'

/**
 * The column that a policy compares with the current tenant; else the conventional one, where the table has it.
 *
 * A policy counts when it is exactly `column = …` with a setting or a function of no column on the other side:
 * `org_id = (select ibex_core.current_org_id())`, `tenant = current_setting('app.tenant')::uuid`. So `organizations`,
 * whose policy compares `id`, needs no special case.
 */
export function findTenantColumn(
  table: CatalogTable,
  columns: readonly string[],
  conventional: string,
): string | null {
  for (const policy of table.policies) {
    const column = comparedWithTenant(policy, columns)
    if (column !== undefined) return column
  }
  return columns.includes(conventional) ? conventional : null
}

function comparedWithTenant(policy: string, columns: readonly string[]): string | undefined {
  const [column, equals, ...other] = readTokens(policy)
    .filter((token) => token.kind === 'word')
    .map((token) => token.text)
  if (column === undefined || equals !== '=' || !columns.includes(column)) return undefined
  const isPlain = !other.some((word) => columns.includes(word) || /^(?:AND|OR|FROM|WHERE)$/u.test(word))
  const isCall = /[\w"]\(/u.test(policy.slice(policy.indexOf('=')))
  return isPlain && isCall ? column : undefined
}
