import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { fireOnImport, skipOnImport, unlessImporting } from '../src/migration/skip-on-import.ts'

/** Lets the system role import the rows of a tenant as they were, with the setting app.import. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await skipOnImport(db, 'ibex_core')
  await touchUpdatedAt(
    db,
    `if ${unlessImporting} then
    new.updated_at := now();
  end if;`,
  )
}

/** Lets all triggers fire again. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await touchUpdatedAt(db, 'new.updated_at := now();')
  await fireOnImport(db, 'ibex_core')
}

/** In the function and not in the condition of each trigger: it serves tables of a user's own, too. */
async function touchUpdatedAt(db: Kysely<unknown>, statement: string): Promise<void> {
  await sql
    .raw(`create or replace function ibex_core.touch_updated_at() returns trigger language plpgsql set search_path = '' as $$
begin
  ${statement}
  return new;
end
$$`)
    .execute(db)
}
