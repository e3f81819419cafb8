/** How findings name objects: the same in every copy of a database, because baselines quote it. */
import type { CatalogFunction, CatalogPolicy, CatalogRelation } from './catalog.ts'
import type { TenantTable } from './examine.ts'

/** `table public.notes`, `view public.recent`. */
export function relationObject({ kind, sql }: CatalogRelation): string {
  return `${kind} ${sql}`
}

/** `column public.notes.org_id` */
export function columnObject({ sql }: CatalogRelation, column: { readonly sql: string }): string {
  return `column ${sql}.${column.sql}`
}

/** `policy by_tenant on public.notes` */
export function policyObject({ relation }: TenantTable, { sql }: CatalogPolicy): string {
  return `policy ${sql} on ${relation.sql}`
}

/** `constraint notes_pkey on public.notes` */
export function constraintObject({ sql: table }: CatalogRelation, { sql }: { readonly sql: string }): string {
  return `constraint ${sql} on ${table}`
}

/** `index public.notes_title_idx` */
export function indexObject({ sql }: { readonly sql: string }): string {
  return `index ${sql}`
}

/** `function public.search(text, integer)` */
export function functionObject({ sql }: CatalogFunction): string {
  return `function ${sql}`
}

/** `role ibex_app` */
export function roleObject({ sql }: { readonly sql: string }): string {
  return `role ${sql}`
}
