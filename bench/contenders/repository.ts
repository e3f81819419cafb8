/** The contenders of this library. */
import { createDatabase } from '../../src/create-database.ts'
import type { Connection, ContenderFamily } from './contender.ts'

/** Opens the contenders of this library: with a scope that is kept for each tenant, and with one made for each read. */
export function openRepository({ url, poolSize }: Connection): ContenderFamily {
  const database = createDatabase({ url, poolSize })
  const scopes = new Map<string, ReturnType<typeof database.forTenant>>()
  const scopeOf = (orgId: string): ReturnType<typeof database.forTenant> => {
    const scope = scopes.get(orgId) ?? database.forTenant(orgId)
    scopes.set(orgId, scope)
    return scope
  }
  return {
    contenders: [
      {
        name: 'ibex-db',
        label: 'ibex-db, forTenant(…) for each read',
        read: async ({ orgId, id }) => await database.forTenant(orgId).agents.findById(id),
      },
      {
        name: 'ibex-db-kept-scope',
        label: 'ibex-db, scope kept',
        read: async ({ orgId, id }) => await scopeOf(orgId).agents.findById(id),
      },
    ],
    [Symbol.asyncDispose]: async () => await database.close(),
  }
}
