import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { jsonObject, oneOf, textList } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

const userKey = {
  where: 'deleted_at is null',
  unique: true,
  name: 'users_org_id_email_key',
} as const

/** Completes identity: teams with their members, owners that cannot all leave, and an email look-up that keeps its index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // lower() is not leakproof, so under a policy "lower(email) = $1" reads all users of the tenant; a column of its own does not
  await addTenantColumn(db, 'ibex_core.users', 'email_lower', {
    type: 'text',
    generated: 'lower(email)',
    comment: 'The email address in lower case, to look it up by.',
  })
  await sql`drop index ibex_core.users_org_id_email_key`.execute(db)
  await createTenantIndex(db, 'ibex_core.users', { columns: ['email_lower'], ...userKey })
  await keepOrganizationsOwned(db)
  await createTeams(db)
  await keepTeamsOwned(db)
}

/** Drops the tables, the column, and what keeps owners. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.team_memberships').execute()
  await db.schema.dropTable('ibex_core.teams').execute()
  await sql`drop function ibex_core.keep_team_owned()`.execute(db)
  await sql`drop function ibex_core.keep_owner_a_member()`.execute(db)
  await sql`drop trigger users_keep_organization_owned_on_update on ibex_core.users`.execute(db)
  await sql`drop trigger users_keep_organization_owned_on_delete on ibex_core.users`.execute(db)
  await sql`drop function ibex_core.keep_organization_owned()`.execute(db)
  await sql`drop index ibex_core.users_org_id_role_idx`.execute(db)
  await sql`drop index ibex_core.users_org_id_email_key`.execute(db)
  await createTenantIndex(db, 'ibex_core.users', {
    columns: [{ name: 'email', expression: 'lower(email)' }],
    where: 'deleted_at is null',
    unique: true,
  })
  await dropTenantColumn(db, 'ibex_core.users', 'email_lower')
}

async function createTeams(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.teams', {
    comment: 'People of an organization who share agents.',
    softDelete: true,
    columns: {
      name: { type: 'text' },
      slug: {
        type: 'text',
        check: (slug) => `${slug} ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'`,
        comment: 'The name in URLs; unique in the organization.',
      },
      owner_id: {
        type: 'uuid',
        comment: 'The user who answers for the team; always an owner among its members.',
      },
      settings: jsonObject(),
      shared_skill_names: textList({ comment: 'Skills that every agent of the team has.' }),
      webhook_url: { type: 'text', optional: true },
      webhook_secret: { type: 'text', optional: true, comment: 'What calls of webhook_url are signed with.' },
      conversation_retention_days: {
        type: 'integer',
        default: '90',
        check: (days) => `${days} >= 1`,
        comment: "Sessions of the team's agents are swept when they were silent for so many days.",
      },
    },
    unique: [['slug']],
    references: [{ columns: ['owner_id'], table: 'ibex_core.users', onDelete: 'no action' }],
  })
  await createTenantTable(db, 'ibex_core.team_memberships', {
    comment: 'A member of a team.',
    columns: {
      team_id: { type: 'uuid' },
      user_id: { type: 'uuid' },
      role: oneOf(['owner', 'admin', 'member', 'viewer'], { value: 'member' }),
    },
    unique: [['team_id', 'user_id']],
    references: [
      { columns: ['team_id'], table: 'ibex_core.teams', onDelete: 'cascade', index: false },
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade' },
    ],
  })
}

/** The last active owner of an organization stays, whoever writes and however. */
async function keepOrganizationsOwned(db: Kysely<unknown>): Promise<void> {
  await createTenantIndex(db, 'ibex_core.users', {
    columns: ['role'],
    where: "role = 'owner' and status = 'active' and deleted_at is null",
  })
  await sql`create function ibex_core.keep_organization_owned() returns trigger language plpgsql set search_path = '' as $$
begin
  -- owners who leave at once go one after the other. An update and not a lock alone: in repeatable read the second one
  -- then fails, where a lock would let it look at owners of the past. Without an organization the row goes with it
  update ibex_core.organizations set name = name where id = old.org_id;
  if found and not exists (
    select from ibex_core.users
    where org_id = old.org_id and id <> old.id and role = 'owner' and status = 'active' and deleted_at is null
  ) then
    raise check_violation using message = 'an organization would be left without an active owner',
      schema = 'ibex_core', table = 'users', constraint = 'users_last_owner_check';
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.keep_organization_owned()',
    'Refuses to take the last active owner from an organization; the condition of the trigger says who is one.',
  )
  const wasOwner = sql`old.role = 'owner' and old.status = 'active' and old.deleted_at is null`
  const staysOwner = sql`new.role = 'owner' and new.status = 'active' and new.deleted_at is null`
  await sql`create trigger users_keep_organization_owned_on_update before update on ibex_core.users
    for each row when (${wasOwner} and not (${staysOwner})) execute function ibex_core.keep_organization_owned()`.execute(
    db,
  )
  await sql`create trigger users_keep_organization_owned_on_delete before delete on ibex_core.users
    for each row when (${wasOwner}) execute function ibex_core.keep_organization_owned()`.execute(db)
}

/** The owner of a team is an owner among its members, and the last one stays, whoever writes and however. */
async function keepTeamsOwned(db: Kysely<unknown>): Promise<void> {
  await createOwnerFunction(db)
  await sql`create trigger teams_keep_owner_a_member_on_insert after insert on ibex_core.teams
    for each row execute function ibex_core.keep_owner_a_member()`.execute(db)
  await sql`create trigger teams_keep_owner_a_member_on_update after update on ibex_core.teams
    for each row when (old.owner_id <> new.owner_id) execute function ibex_core.keep_owner_a_member()`.execute(
    db,
  )
  await createTeamFunction(db)
  await sql`create trigger team_memberships_keep_team_owned_on_update before update on ibex_core.team_memberships
    for each row when (old.role = 'owner' and (new.role, new.team_id, new.user_id) is distinct from ('owner', old.team_id, old.user_id))
    execute function ibex_core.keep_team_owned()`.execute(db)
  await sql`create trigger team_memberships_keep_team_owned_on_delete before delete on ibex_core.team_memberships
    for each row when (old.role = 'owner') execute function ibex_core.keep_team_owned()`.execute(db)
}

async function createOwnerFunction(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.keep_owner_a_member() returns trigger language plpgsql set search_path = '' as $$
begin
  if exists (select from ibex_core.users where org_id = new.org_id and id = new.owner_id and deleted_at is not null) then
    raise foreign_key_violation using message = 'the owner of the team was deleted',
      schema = 'ibex_core', table = 'teams', constraint = 'teams_org_id_owner_id_fkey';
  end if;
  -- the insert waits for whoever adds the same member at this moment, and the update then sees that row
  insert into ibex_core.team_memberships (org_id, team_id, user_id, role)
  values (new.org_id, new.id, new.owner_id, 'owner') on conflict do nothing;
  update ibex_core.team_memberships set role = 'owner'
  where org_id = new.org_id and team_id = new.id and user_id = new.owner_id and role <> 'owner';
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.keep_owner_a_member()',
    'Makes the owner of a team an owner among its members.',
  )
}

async function createTeamFunction(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.keep_team_owned() returns trigger language plpgsql set search_path = '' as $$
declare
  holder uuid;
  heir uuid;
begin
  -- members who leave at once go one after the other; an update as in keep_organization_owned(). Where the team, the user or
  -- the organization is gone, the row goes with it
  update ibex_core.teams set owner_id = owner_id
  where org_id = old.org_id and id = old.team_id
    and exists (select from ibex_core.users where org_id = old.org_id and id = old.user_id)
    and exists (select from ibex_core.organizations where id = old.org_id)
  returning owner_id into holder;
  if holder = old.user_id then
    select users.id into heir
    from ibex_core.team_memberships as member
    join ibex_core.users on users.org_id = member.org_id and users.id = member.user_id
    where member.org_id = old.org_id and member.team_id = old.team_id and member.user_id <> old.user_id
      and member.role = 'owner' and users.deleted_at is null
    order by users.status = 'active' desc, member.created_at, member.id limit 1;
    if heir is null then
      raise check_violation using message = 'a team would be left without an owner',
        schema = 'ibex_core', table = 'team_memberships', constraint = 'team_memberships_last_owner_check';
    end if;
    update ibex_core.teams set owner_id = heir where org_id = old.org_id and id = old.team_id;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.keep_team_owned()',
    'Hands a team to another owner when the one who holds it leaves, and refuses to take the last one.',
  )
}
