import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { addTenantForeignKey } from '../src/migration/references.ts'
import { allowFunction, describeFunction } from '../src/migration/sql-functions.ts'

/**
 * Completes agents: their team, roles with their prompt templates, and the functions that publish directives and roll them back.
 *
 * Of the templates of a role exactly one is its default. An index sees to it that there is no second one. That there is a
 * first is decided by one transaction at a time per role: the triggers update the role without changing it. A lock alone
 * would not do: in REPEATABLE READ the next transaction would go on with what it saw before it waited, where an update makes
 * it fail with 40001.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await addTeam(db)
  await createTables(db)
  await chooseDefault(db)
  await moveDefault(db)
  await promoteDefault(db)
  await createPublish(db)
  await createRollBack(db)
}

/** Drops the functions, the tables and the column. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function ibex_core.roll_back_directive(uuid, uuid, integer)`.execute(db)
  await sql`drop function ibex_core.publish_directive(uuid, uuid, text, uuid, text)`.execute(db)
  await db.schema.dropTable('ibex_core.prompt_templates').execute()
  await sql`drop function ibex_core.promote_default_template()`.execute(db)
  await sql`drop function ibex_core.move_default_template()`.execute(db)
  await sql`drop function ibex_core.choose_default_template()`.execute(db)
  await db.schema.dropTable('ibex_core.roles').execute()
  await dropTenantColumn(db, 'ibex_core.agents', 'team_id')
}

async function addTeam(db: Kysely<unknown>): Promise<void> {
  await addTenantColumn(db, 'ibex_core.agents', 'team_id', {
    type: 'uuid',
    optional: true,
    comment: 'The team whose skills it shares and whose retention it keeps.',
  })
  await addTenantForeignKey(db, 'ibex_core.agents', {
    columns: ['team_id'],
    table: 'ibex_core.teams',
    onDelete: 'set null',
  })
}

async function createTables(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.roles', {
    comment: 'A persona that an agent takes on, with prompt templates for it.',
    columns: { name: textOfLength(1, 50), description: textOfLength(0, 255, { optional: true }) },
    unique: [['name']],
  })
  await createTenantTable(db, 'ibex_core.prompt_templates', {
    comment: 'A prompt for a role. Of the templates of a role, exactly one is its default.',
    columns: {
      role_id: { type: 'uuid', comment: 'A template stays with its role.' },
      name: textOfLength(1, 100),
      content: { type: 'text', check: (content) => `${content} ~ '[^[:space:]]'` },
      is_default: {
        type: 'boolean',
        default: 'false',
        comment:
          'The first template of a role is its default; updating another to true moves it, deleting it passes it on to the oldest left.',
      },
    },
    unique: [['role_id', 'name']],
    references: [{ columns: ['role_id'], table: 'ibex_core.roles', onDelete: 'cascade', index: false }],
  })
  await createTenantIndex(db, 'ibex_core.prompt_templates', {
    columns: ['role_id'],
    where: 'is_default',
    unique: true,
  })
}

async function chooseDefault(db: Kysely<unknown>): Promise<void> {
  // it must not touch the default that is there: with "on conflict do nothing" the new row may never come to be
  await sql`create function ibex_core.choose_default_template() returns trigger language plpgsql set search_path = '' as $$
begin
  update ibex_core.roles set updated_at = updated_at where org_id = new.org_id and id = new.role_id;
  if not exists (
    select from ibex_core.prompt_templates where org_id = new.org_id and role_id = new.role_id and is_default
  ) then
    new.is_default := true;
  end if;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.choose_default_template()',
    'Makes the first template of a role its default.',
  )
  await sql`create trigger prompt_templates_choose_default before insert on ibex_core.prompt_templates
    for each row execute function ibex_core.choose_default_template()`.execute(db)
}

async function moveDefault(db: Kysely<unknown>): Promise<void> {
  // the setting tells the update within from one that would leave the role without a default
  await sql`create function ibex_core.move_default_template() returns trigger language plpgsql set search_path = '' as $$
begin
  if new.role_id <> old.role_id then
    raise check_violation using message = 'a prompt template stays with its role: insert it for the other role',
      schema = tg_table_schema, table = tg_table_name, constraint = 'prompt_templates_role_id_check';
  end if;
  if new.is_default then
    update ibex_core.roles set updated_at = updated_at where org_id = new.org_id and id = new.role_id;
    perform set_config('app.default_moves_in_role', new.role_id::text, true);
    update ibex_core.prompt_templates set is_default = false
    where org_id = new.org_id and role_id = new.role_id and is_default;
    perform set_config('app.default_moves_in_role', '', true);
  elsif current_setting('app.default_moves_in_role', true) is distinct from new.role_id::text then
    raise check_violation using message = 'a role keeps a default template: make another one the default instead',
      schema = tg_table_schema, table = tg_table_name, constraint = 'prompt_templates_is_default_check';
  end if;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.move_default_template()',
    'Takes the default from one template of a role when another is updated to be it, and lets it go no other way.',
  )
  await sql`create trigger prompt_templates_move_default before update on ibex_core.prompt_templates
    for each row when (old.is_default <> new.is_default or old.role_id <> new.role_id)
    execute function ibex_core.move_default_template()`.execute(db)
}

async function promoteDefault(db: Kysely<unknown>): Promise<void> {
  // after the statement: a row that it is about to delete cannot be promoted; the one chosen may be deleted by
  // another transaction meanwhile, so the choice is repeated
  await sql`create function ibex_core.promote_default_template() returns trigger language plpgsql set search_path = '' as $$
declare
  gone record;
  oldest uuid;
begin
  for gone in select distinct org_id, role_id from deleted where is_default order by 1, 2 loop
    update ibex_core.roles set updated_at = updated_at where org_id = gone.org_id and id = gone.role_id;
    -- without its role the templates go too
    continue when not found;
    loop
      -- the same statement may have inserted a new default already
      select id into oldest from ibex_core.prompt_templates where org_id = gone.org_id and role_id = gone.role_id
      order by is_default desc, created_at, id limit 1;
      exit when not found;
      update ibex_core.prompt_templates set is_default = true where org_id = gone.org_id and id = oldest;
      exit when found;
    end loop;
  end loop;
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.promote_default_template()',
    'Makes the oldest template that is left the default of its role when the default was deleted.',
  )
  await sql`create trigger prompt_templates_promote_default after delete on ibex_core.prompt_templates
    referencing old table as deleted for each statement execute function ibex_core.promote_default_template()`.execute(
    db,
  )
}

async function createPublish(db: Kysely<unknown>): Promise<void> {
  // a function, because each statement in it sees what was committed while it waited for the lock: one statement with
  // several parts would number the version by what it saw before
  await sql`create function ibex_core.publish_directive(org uuid, agent uuid, new_content text, author uuid, mode text)
returns table (is_new boolean, version ibex_core.directive_versions) language plpgsql set search_path = '' as $$
declare
  directive ibex_core.directives;
begin
  if not exists (select from ibex_core.agents where org_id = org and id = agent and deleted_at is null) then
    return;
  end if;
  loop
    select * into directive from ibex_core.directives where org_id = org and agent_id = agent for no key update;
    exit when found;
    insert into ibex_core.directives (org_id, agent_id) values (org, agent) on conflict (org_id, agent_id) do nothing;
  end loop;
  -- a comparison with null would read all versions to find none
  if directive.active_version_id is not null then
    select * into version from ibex_core.directive_versions where org_id = org and id = directive.active_version_id;
  end if;
  is_new := version.content is distinct from new_content;
  if is_new then
    insert into ibex_core.directive_versions (org_id, directive_id, version_num, content, content_hash, created_by)
    select org, directive.id, coalesce(max(version_num), 0) + 1, new_content,
      encode(sha256(convert_to(new_content, 'UTF8')), 'hex'), author
    from ibex_core.directive_versions where org_id = org and directive_id = directive.id
    returning * into version;
  end if;
  update ibex_core.directives set active_version_id = version.id, injection_mode = coalesce(mode, injection_mode)
  where org_id = org and id = directive.id
    and (active_version_id, injection_mode) is distinct from (version.id, coalesce(mode, injection_mode));
  return next;
end
$$`.execute(db)
  const signature = 'ibex_core.publish_directive(uuid, uuid, text, uuid, text)'
  await describeFunction(
    db,
    signature,
    'Adds a version to the directive of an agent, which it makes if there is none, and activates it; the active version unchanged when the content is the same; nothing without such an agent.',
  )
  await allowFunction(db, signature)
}

async function createRollBack(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.roll_back_directive(org uuid, agent uuid, target integer)
returns setof ibex_core.directive_versions language plpgsql set search_path = '' as $$
declare
  directive ibex_core.directives;
  version ibex_core.directive_versions;
begin
  select directives.* into directive from ibex_core.directives
  join ibex_core.agents on agents.org_id = directives.org_id and agents.id = directives.agent_id
  where directives.org_id = org and directives.agent_id = agent and agents.deleted_at is null
  for no key update of directives;
  select * into version from ibex_core.directive_versions as candidate
  where org_id = org and directive_id = directive.id and case
    when target is not null then version_num = target
    else version_num < (select version_num from ibex_core.directive_versions as active
      where active.org_id = org and active.id = directive.active_version_id)
    end
  order by version_num desc limit 1;
  if not found then
    return;
  end if;
  update ibex_core.directives set active_version_id = version.id
  where org_id = org and id = directive.id and active_version_id is distinct from version.id;
  return next version;
end
$$`.execute(db)
  const signature = 'ibex_core.roll_back_directive(uuid, uuid, integer)'
  await describeFunction(
    db,
    signature,
    'Activates an older version of the directive of an agent, the one before the active one when none is given; nothing without such a version.',
  )
  await allowFunction(db, signature)
}
