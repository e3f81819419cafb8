/** What an organization sells. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Reads and writes products and their inventory. */
export class ProductRepository extends BaseRepository<DB, 'ibex_core.products'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.products'])
  }
}
