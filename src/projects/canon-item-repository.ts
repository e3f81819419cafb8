/** What is settled in a project. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Reads, writes and searches canon items. */
export class CanonItemRepository extends BaseRepository<DB, 'ibex_core.canon_items'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.canon_items'])
  }
}
