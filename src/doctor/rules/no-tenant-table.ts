import type { Rule } from '../rule.ts'

/** Finds that there was nothing to examine. */
export const noTenantTable: Rule = {
  code: 'no-tenant-table',
  severity: 'warning',
  problem: 'No table belongs to tenants.',
  why: 'No table has the tenant column or a policy that compares a column with the setting, so nothing was examined: a clean report would say nothing.',
  remedy: 'Name your tenant column, your setting and your schemas: --tenant-column, --setting, --schema.',
  *find({ tenantTables, options }) {
    if (tenantTables.length > 0) return
    yield {
      object: 'database',
      detail: `no table with a column ${options.tenantColumn} or a policy that reads ${options.setting}`,
    }
  },
}
