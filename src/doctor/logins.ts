/** The logins of services. */
import type { CatalogRole } from './catalog.ts'
import { reachOf } from './examine.ts'
import type { Examined } from './examine.ts'

/** A login that may act as an app role. */
export interface Login {
  readonly login: CatalogRole
  /** The login and every role that it may act as, but the app roles and what these may act as. */
  readonly reach: readonly CatalogRole[]
}

/** Finds them by membership: a superuser may act as every role and counts only when it is a member. */
export function* logins({ catalog, options, reach: ofApp }: Examined): Generator<Login> {
  for (const login of catalog.roles) {
    if (!login.canLogin || options.roles.includes(login.name) || login.memberOf.length === 0) continue
    const reach = reachOf(catalog.roles, [login.name])
    if (!options.roles.some((name) => reach.has(name))) continue
    yield { login, reach: catalog.roles.filter(({ name }) => reach.has(name) && !ofApp.has(name)) }
  }
}
