/** The people of an organization. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Reads and writes users. */
export class UserRepository extends BaseRepository<DB, 'ibex_core.users'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.users'])
  }
}
