/** Teams and their members. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Reads and writes teams and their members. */
export class TeamRepository extends BaseRepository<DB, 'ibex_core.teams'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.teams'])
  }
}
