import { columnObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant columns that may be null. */
export const tenantNullable: Rule = {
  code: 'tenant-nullable',
  severity: 'error',
  problem: 'The tenant column may be null.',
  why: 'A row without a tenant is invisible to everybody, and a composite foreign key with a null in it is not checked at all.',
  remedy: 'Give the rows without a tenant to one, or delete them, and declare the column NOT NULL.',
  *find({ tenantTables }) {
    for (const { relation, tenantColumn } of tenantTables) {
      if (!tenantColumn.isNullable) continue
      yield {
        object: columnObject(relation, tenantColumn),
        detail: 'it is not declared NOT NULL',
        fix: [`alter table ${relation.sql} alter column ${tenantColumn.sql} set not null`],
      }
    }
  },
}
