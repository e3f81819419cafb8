/** What was said in a session. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Appends and reads messages. */
export class MessageRepository extends BaseRepository<DB, 'ibex_core.messages'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.messages'])
  }
}
