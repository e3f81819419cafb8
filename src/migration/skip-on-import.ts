/** Lets the import of a tenant store rows as they were: triggers that would number, count or log them again stay still. */
import { quoteText } from '../database/quote.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'

/**
 * True unless a tenant is being imported, in the words of a trigger's condition.
 *
 * The setting alone opens nothing: it is heard of the system role only.
 */
export const unlessImporting: string =
  "coalesce(current_setting('app.import', true), '') <> 'on' or not pg_has_role('ibex_system', 'usage')"

/** The same as PostgreSQL writes it. */
const storedGuard =
  "((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))"

/**
 * Adds {@link unlessImporting} to the condition of every trigger of a schema that fires on an insert and lacks it.
 *
 * Constraint triggers keep firing: they check, and change nothing.
 */
export async function skipOnImport(db: MigrationHandle, schema: string): Promise<void> {
  for (const trigger of await insertTriggers(db, schema)) {
    if (trigger.definition.includes(storedGuard)) continue
    const definition = /\bWHEN \(/.test(trigger.definition)
      ? trigger.definition.replace(
          /\bWHEN \((.*)\) EXECUTE /,
          `WHEN ((${unlessImporting}) AND ($1)) EXECUTE `,
        )
      : trigger.definition.replace(' EXECUTE ', ` WHEN (${unlessImporting}) EXECUTE `)
    await replaceTrigger(db, trigger, definition)
  }
}

/** Takes the condition from the triggers again. */
export async function fireOnImport(db: MigrationHandle, schema: string): Promise<void> {
  for (const trigger of await insertTriggers(db, schema)) {
    const definition = trigger.definition
      .replace(` WHEN (${storedGuard})`, '')
      .replace(`${storedGuard} AND `, '')
    if (definition !== trigger.definition) await replaceTrigger(db, trigger, definition)
  }
}

interface Trigger {
  readonly name: string
  readonly table: string
  readonly definition: string
}

/** Partitions have the triggers of their table, which are replaced with it. */
async function insertTriggers(db: MigrationHandle, schema: string): Promise<readonly Trigger[]> {
  return await read<Trigger>(
    db,
    `select quote_ident(tgname) as name, quote_ident(nspname) || '.' || quote_ident(relname) as table,
      pg_get_triggerdef(trigger.oid) as definition
    from pg_catalog.pg_trigger as trigger
    join pg_catalog.pg_class as class on class.oid = tgrelid
    join pg_catalog.pg_namespace as namespace on namespace.oid = relnamespace
    where nspname = ${quoteText(schema)} and not tgisinternal and tgparentid = 0 and tgconstraint = 0
      and tgtype & 4 <> 0 -- TRIGGER_TYPE_INSERT of pg_trigger.h
    order by relname, tgname`,
  )
}

async function replaceTrigger(
  db: MigrationHandle,
  { name, table }: Trigger,
  definition: string,
): Promise<void> {
  await run(db, `drop trigger ${name} on ${table}`)
  await run(db, definition)
}
