/** Access tokens. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Issues, verifies and revokes access tokens. */
export class TokenRepository extends BaseRepository<DB, 'ibex_core.tokens'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.tokens'])
  }
}
