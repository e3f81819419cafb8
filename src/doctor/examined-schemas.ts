/** Which part of the catalog belongs to the people who are asking. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { ResolvedDoctorOptions } from './options.ts'

/** The oids of the schemas to examine: those asked for, never PostgreSQL's own or an extension's. */
export function examinedSchemas({ schemas }: ResolvedDoctorOptions): RawBuilder<unknown> {
  return sql`(
    select n.oid from pg_namespace as n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not ${isOfExtension('pg_namespace', 'n.oid')}
      and (${schemas ?? null}::text[] is null or n.nspname = any (${schemas ?? null}::text[]))
  )`
}

/** True for what `create extension` brought along: its author answers for it. */
export function isOfExtension(catalog: string, oid: string): RawBuilder<unknown> {
  return sql`exists (select from pg_depend as member where member.classid = ${sql.lit(catalog)}::regclass
    and member.objid = ${sql.raw(oid)} and member.deptype = 'e')`
}
