/** Runs of agents. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Records runs of agents. */
export class AgentExecutionRepository extends BaseRepository<DB, 'ibex_core.agent_executions'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.agent_executions'])
  }
}
