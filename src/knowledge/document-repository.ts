/** The documents that agents look things up in. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Ingests, finds and deletes documents. */
export class DocumentRepository extends BaseRepository<DB, 'ibex_core.rag_documents'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.rag_documents'])
  }
}
