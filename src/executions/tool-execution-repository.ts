/** Calls of tools. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Records calls of tools. */
export class ToolExecutionRepository extends BaseRepository<DB, 'ibex_core.tool_executions'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.tool_executions'])
  }
}
