/** What rules ask about rights. */
import type { CatalogGrant } from './catalog.ts'
import type { Examined } from './examine.ts'

/** SELECT, INSERT, UPDATE or DELETE: what a service needs, and what policies hold. */
export function isDataRight({ privilege }: CatalogGrant): boolean {
  return ['SELECT', 'INSERT', 'UPDATE', 'DELETE'].includes(privilege)
}

/** True when an app role may read or write what has these rights. */
export function isReachable(grants: readonly CatalogGrant[]): boolean {
  return grants.some(isDataRight)
}

/** True when an app role may read a relation, or a column of it. */
export function isReadable(schema: Examined, relation: string): boolean {
  const grants = [...schema.grantsOn('relation', relation), ...schema.grantsOn('column', relation)]
  return grants.some(({ privilege }) => privilege === 'SELECT')
}

/** `ibex_app`, or `ibex_app, public`: who was given the right. */
export function granteesOf(grants: readonly CatalogGrant[]): string {
  return [...new Set(grants.map(({ sql }) => sql))].join(', ')
}

/** `revoke truncate, trigger on public.notes from public`, one statement a grantee. */
export function revokeAll(grants: readonly CatalogGrant[], object: string): readonly string[] {
  const byGrantee = Map.groupBy(grants, ({ sql }) => sql)
  return Array.from(byGrantee, ([grantee, entries]) => {
    const privileges = [...new Set(entries.map(privilegeSql))].join(', ')
    return `revoke ${privileges} on ${object} from ${grantee}`
  })
}

function privilegeSql({ privilege, columnSql }: CatalogGrant): string {
  return columnSql === null ? privilege.toLowerCase() : `${privilege.toLowerCase()} (${columnSql})`
}
