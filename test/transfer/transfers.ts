/** Exports to a text and imports from one, and what two databases must have in common. */
import { Writable } from 'node:stream'
import { type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import type { Database } from '../../src/create-database.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { type ExportOptions, exportTenant } from '../../src/transfer/export-tenant.ts'
import { type ImportOptions, type ImportReport, importTenant } from '../../src/transfer/import-tenant.ts'
import type { DB } from '../../types/database.d.ts'

/** Everything of a tenant, secrets included. */
export const everything: ExportOptions = { secrets: true }

/** Exports a tenant to a text. */
export async function exportText(tenant: TenantScope, options: ExportOptions = {}): Promise<string> {
  const chunks: Buffer[] = []
  const destination = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk)
      done()
    },
  })
  await exportTenant(tenant, destination, options)
  return Buffer.concat(chunks).toString()
}

/** Imports a text, cut into pieces at places where no line ends. */
export async function importText(
  database: Database,
  text: string,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const bytes = Buffer.from(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / 70_001) }, (_, index) =>
    bytes.subarray(index * 70_001, (index + 1) * 70_001),
  )
  return await database.asSystem(
    'test of an import',
    async (system) => await importTenant(system, pieces, options),
  )
}

/** Remembers the rows of all organizations but one, and returns a check that they are the same still. */
export async function watchOthers(admin: Kysely<DB>, exceptOrgId: string): Promise<() => Promise<void>> {
  const before = await digests(admin, exceptOrgId)
  return async () => {
    expect(await digests(admin, exceptOrgId)).toEqual(before)
  }
}

/** A digest of each table of the schema, without the rows of one organization. */
async function digests(admin: Kysely<DB>, exceptOrgId: string): Promise<Record<string, string>> {
  const { rows: tables } = await sql<{ name: string }>`select attrelid::regclass::text as name
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where attname = 'org_id' and relkind in ('r', 'p') and not relispartition
      and relnamespace = 'ibex_core'::regnamespace order by 1`.execute(admin)
  const found: Record<string, string> = {}
  for (const { name } of tables) {
    const { rows } = await sql<{
      digest: string
    }>`select md5(coalesce(string_agg(t::text, '' order by t::text), ''))
      as digest from ${sql.table(name)} as t where org_id <> ${exceptOrgId}`.execute(admin)
    found[name] = rows[0]?.digest ?? ''
  }
  return found
}
