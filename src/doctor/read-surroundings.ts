/** What surrounds the tables: default settings and publications. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { CatalogPublication, CatalogSetting } from './catalog.ts'

/** Reads which settings have a default by role or database; the values stay where they are. */
export async function readSettings<DB>(db: Kysely<DB>): Promise<readonly CatalogSetting[]> {
  const { rows } = await sql<CatalogSetting>`
    select split_part(entry, '=', 1) as setting,
      case when s.setrole <> 0 then quote_ident(pg_get_userbyid(s.setrole)) end as role, s.setdatabase <> 0 as "isOfDatabase"
    from pg_db_role_setting as s, unnest(s.setconfig) as entry
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    order by 1, 2, 3`.execute(db)
  return rows
}

/** Reads the publications with the tables that they send without a row filter. */
export async function readPublications<DB>(db: Kysely<DB>): Promise<readonly CatalogPublication[]> {
  const { rows } = await sql<CatalogPublication>`
    select p.pubname::text as name,
      array(select c.oid::text from pg_class as c where c.relkind in ('r', 'p') and (p.puballtables
        or exists (select from pg_publication_namespace as s where s.pnpubid = p.oid and s.pnnspid = c.relnamespace)
        or exists (select from pg_publication_rel as r where r.prpubid = p.oid and r.prrelid = c.oid and r.prqual is null)))
        as unfiltered
    from pg_publication as p order by p.pubname`.execute(db)
  return rows
}
