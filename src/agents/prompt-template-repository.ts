/** The prompts of roles, of which one is the default. */
import { sql } from 'kysely'
import type { RawBuilder, SqlBool } from 'kysely'
import type { DB, PromptTemplate } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkKeyValue } from '../repository/column-values.ts'
import type { Scope } from '../tenancy/scope.ts'

/**
 * Reads and writes prompt templates.
 *
 * The database keeps exactly one default per role, whoever writes: the first template becomes it, updating `is_default` of
 * another to true moves it, deleting it passes it on to the oldest that is left. To take it away without another is a
 * `CheckViolationError`; to insert a second one a `UniqueViolationError`.
 */
export class PromptTemplateRepository extends BaseRepository<DB, 'ibex_core.prompt_templates'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.prompt_templates'])
  }

  /** Reads the default template of a role, or `undefined` when it has no template. */
  async defaultOf(roleId: string): Promise<PromptTemplate | undefined> {
    checkKeyValue(this.table, 'role_id', roleId)
    return await this.selectQuery()
      .selectAll()
      .where('role_id', '=', roleId)
      // as the partial index says it
      .where(sql<SqlBool>`is_default`)
      .executeTakeFirst()
  }

  /**
   * Makes a template the default of its role and returns it, or `undefined` when the tenant has no such template.
   *
   * The one that was the default before is not any more. Concurrent calls wait for each other; the last one stands.
   */
  async makeDefault(id: string): Promise<PromptTemplate | undefined> {
    checkKeyValue(this.table, 'id', id)
    return await this.updateQuery()
      .set({ is_default: true })
      .where('id', '=', id)
      .where(this.#ofLockedRole(id))
      .returningAll()
      .executeTakeFirst()
  }

  /**
   * Deletes a template for good, and tells whether there was one.
   *
   * When it was the default, the oldest that is left becomes it.
   */
  override async delete(id: string): Promise<boolean> {
    checkKeyValue(this.table, 'id', id)
    const query = this.deleteQuery().where('id', '=', id).where(this.#ofLockedRole(id))
    const { numDeletedRows } = await query.executeTakeFirst()
    return numDeletedRows > 0n
  }

  /**
   * Locks the role before the template. The triggers lock the role after it, and of two transactions that hold a template each
   * and want the other's, one would have to give way (40P01).
   */
  #ofLockedRole(id: string): RawBuilder<SqlBool> {
    const { orgId } = this.scope
    return sql<SqlBool>`role_id = (select id from ibex_core.roles where org_id = ${orgId} and id = (
      select role_id from ibex_core.prompt_templates where org_id = ${orgId} and id = ${id}
    ) for no key update)`
  }
}
