/** Which language model answered best. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Records and reads results of round tables. */
export class RoundTableRepository extends BaseRepository<DB, 'ibex_core.llm_round_table_results'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.llm_round_table_results'])
  }
}
