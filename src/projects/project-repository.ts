/** Projects and the personas that work in them. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Reads and writes projects. */
export class ProjectRepository extends BaseRepository<DB, 'ibex_core.projects'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.projects'])
  }
}
