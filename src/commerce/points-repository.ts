/** The points of users. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Moves points and proves that they add up. */
export class PointsRepository extends BaseRepository<DB, 'ibex_core.point_accounts'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.point_accounts'])
  }
}
