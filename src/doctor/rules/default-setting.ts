import type { CatalogSetting } from '../catalog.ts'
import type { Examined } from '../examine.ts'
import { allTokens, readTokens } from '../expression.ts'
import type { Rule } from '../rule.ts'

/** Finds roles and databases that bring a tenant along. */
export const defaultSetting: Rule = {
  code: 'default-setting',
  severity: 'error',
  problem: 'A role or the database has a default for a setting that policies read.',
  why: 'Every session begins with that tenant: a statement that forgot its tenant reads as another one, instead of finding nothing.',
  remedy: 'Reset it: the tenant comes with each transaction and from nowhere else.',
  *find(schema) {
    const settings = settingsOf(schema)
    for (const entry of schema.catalog.settings) {
      if (!settings.has(entry.setting.toLowerCase())) continue
      const alter =
        entry.role === null && entry.isOfDatabase
          ? `alter database ${schema.catalog.database.sql}`
          : alterRole(schema, entry)
      yield {
        object: `setting ${entry.setting} of ${holderOf(entry)}`,
        detail: 'it has a default value',
        fix: [`${alter} reset ${entry.setting}`],
      }
    }
  },
}

function holderOf({ role, isOfDatabase }: CatalogSetting): string {
  if (role === null) return isOfDatabase ? 'the database' : 'all roles'
  return isOfDatabase ? `role ${role} in this database` : `role ${role}`
}

function alterRole({ catalog }: Examined, { role, isOfDatabase }: CatalogSetting): string {
  const database = isOfDatabase ? ` in database ${catalog.database.sql}` : ''
  return `alter role ${role ?? 'all'}${database}`
}

/** The tenant's setting, and every other one that a policy reads by its name. */
function settingsOf({ options, tenantTables }: Examined): ReadonlySet<string> {
  const settings = new Set([options.setting.toLowerCase()])
  for (const { policies } of tenantTables) {
    for (const { clauses } of policies) {
      for (const { text } of clauses) {
        if (!text.includes('current_setting')) continue
        for (const token of allTokens(readTokens(text))) {
          if (token.kind === 'text' && token.text.includes('.')) settings.add(token.text.toLowerCase())
        }
      }
    }
  }
  return settings
}
