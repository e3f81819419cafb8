/** Orders. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Places and cancels orders. */
export class OrderRepository extends BaseRepository<DB, 'ibex_core.orders'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.orders'])
  }
}
