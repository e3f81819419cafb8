/** The audit log. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Appends to the audit log and reads it. */
export class AuditLogRepository extends BaseRepository<DB, 'ibex_core.audit_logs'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.audit_logs'])
  }
}
