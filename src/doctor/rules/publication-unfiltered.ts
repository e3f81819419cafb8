import type { Rule } from '../rule.ts'

/** Finds publications that send tenant tables whole. */
export const publicationUnfiltered: Rule = {
  code: 'publication-unfiltered',
  severity: 'warning',
  problem: 'A publication sends the rows of every tenant.',
  why: 'Logical replication asks no policy: whoever subscribes receives the changes of all tenants. For a copy of everything, a warehouse, that is meant; for a feed to a customer it is a leak.',
  remedy: 'Give the table a row filter on the tenant column, or take it out of the publication.',
  *find(schema) {
    for (const { name, unfiltered } of schema.catalog.publications) {
      const tables = new Set(unfiltered.flatMap((id) => schema.tenantTable(id)?.relation.sql ?? []))
      if (tables.size === 0) continue
      const [first, ...others] = tables
      const more = others.length === 0 ? '' : ` and ${others.length} more`
      yield { object: `publication ${name}`, detail: `${first ?? ''}${more} without a row filter` }
    }
  },
}
