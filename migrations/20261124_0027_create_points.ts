import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { checkIn, counter, jsonObject, oneOf, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { allowFunction, describeFunction } from '../src/migration/sql-functions.ts'

/** Creates the points of users: a ledger of movements, and accounts that nothing but a movement changes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createAccounts(db)
  await createLedger(db)
  await numberMovements(db)
  await moveAccounts(db)
  await createMovePoints(db)
}

/** Drops the functions and the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function ibex_core.move_points`.execute(db)
  await db.schema.dropTable('ibex_core.points_ledger').execute()
  await db.schema.dropTable('ibex_core.point_accounts').execute()
  await sql`drop function ibex_core.number_points_movement()`.execute(db)
  await sql`drop function ibex_core.move_point_account()`.execute(db)
  await sql`drop function ibex_core.refuse_account_change()`.execute(db)
}

const credits = ['earn', 'refund', 'release']
const debits = ['spend', 'expire', 'freeze', 'settle']

async function createAccounts(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.point_accounts', {
    comment: 'The points of a user: what the ledger adds up to, written by its triggers.',
    columns: {
      user_id: { type: 'uuid' },
      balance: counter('bigint'),
      frozen_balance: counter('bigint', { comment: 'The part of the balance that cannot be spent now.' }),
      lifetime_earned: counter('bigint', { comment: 'All credits but releases.' }),
      lifetime_spent: counter('bigint', { comment: 'All debits but freezes.' }),
      version: counter('bigint', { comment: 'Counts the movements: the optimistic lock.' }),
    },
    unique: [['user_id']],
    checks: [
      { columns: ['frozen_balance', 'balance'], condition: 'frozen_balance <= balance' },
      { columns: ['balance', 'lifetime'], condition: 'balance = lifetime_earned - lifetime_spent' },
    ],
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade', index: false }],
  })
}

async function createLedger(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.points_ledger', {
    comment: 'A movement of points. Append-only; a trigger moves the account with it.',
    appendOnly: true,
    columns: {
      user_id: { type: 'uuid' },
      version: counter('bigint', {
        comment:
          'Counts from 1 per user; the version of the account after it. A trigger sets it, or checks the one given.',
      }),
      change_type: oneOf([...credits, ...debits, 'adjust'], {
        comment: 'Settle spends points that are frozen; freeze and release leave the balance as it is.',
      }),
      amount: { type: 'bigint', check: (amount) => `${amount} > 0` },
      direction: oneOf(['credit', 'debit']),
      balance_after: counter('bigint', { comment: 'Set by a trigger.' }),
      frozen_after: counter('bigint', {
        comment: 'The part of balance_after that is frozen; set by a trigger.',
      }),
      biz_type: textOfLength(1, 50, { comment: 'What the points were given or taken for.' }),
      event_id: textOfLength(1, 100, { comment: 'What happened; moves points once in the organization.' }),
      metadata: jsonObject(),
    },
    unique: [['event_id'], ['user_id', 'version']],
    checks: [
      {
        columns: ['change_type', 'direction'],
        condition: `change_type = 'adjust' or (direction = 'credit') = (${checkIn('change_type', credits)})`,
      },
      { columns: ['frozen_after', 'balance_after'], condition: 'frozen_after <= balance_after' },
    ],
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade', index: false }],
  })
}

/**
 * Writes what follows from the movement before: the constraints of the row then say whether there are points enough.
 *
 * Nothing moves yet: an insert that ends in a conflict with an event that is there already leaves the account as it was.
 */
async function numberMovements(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.number_points_movement() returns trigger language plpgsql set search_path = '' as $$
declare
  last ibex_core.points_ledger;
begin
  insert into ibex_core.point_accounts (org_id, user_id) values (new.org_id, new.user_id)
    on conflict (org_id, user_id) do nothing;
  -- the movements of a user one after the other; after the wait the next statement sees the last one
  perform from ibex_core.point_accounts where org_id = new.org_id and user_id = new.user_id for no key update;
  select * into last from ibex_core.points_ledger
    where org_id = new.org_id and user_id = new.user_id order by version desc limit 1;
  if new.version not in (0, coalesce(last.version, 0) + 1) then
    raise check_violation using message = 'the account of the points has another version',
      schema = 'ibex_core', table = 'points_ledger', constraint = 'points_ledger_next_version_check';
  end if;
  new.version := coalesce(last.version, 0) + 1;
  new.balance_after := coalesce(last.balance_after, 0) + case
    when new.change_type in ('freeze', 'release') then 0
    when new.direction = 'credit' then new.amount
    else -new.amount end;
  new.frozen_after := coalesce(last.frozen_after, 0) + case new.change_type
    when 'freeze' then new.amount
    when 'release' then -new.amount
    when 'settle' then -new.amount
    else 0 end;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.number_points_movement()',
    'Continues the ledger of a user: version, balance and frozen points after the movement.',
  )
  await sql`create trigger points_ledger_number_movement before insert on ibex_core.points_ledger
    for each row execute function ibex_core.number_points_movement()`.execute(db)
}

async function moveAccounts(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.move_point_account() returns trigger language plpgsql set search_path = '' as $$
begin
  update ibex_core.point_accounts set
    balance = new.balance_after,
    frozen_balance = new.frozen_after,
    version = new.version,
    lifetime_earned = lifetime_earned
      + case when new.direction = 'credit' and new.change_type <> 'release' then new.amount else 0 end,
    lifetime_spent = lifetime_spent
      + case when new.direction = 'debit' and new.change_type <> 'freeze' then new.amount else 0 end
  where org_id = new.org_id and user_id = new.user_id;
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.move_point_account()',
    'Brings the account of a user to where the movement leaves it.',
  )
  await sql`create trigger points_ledger_move_account after insert on ibex_core.points_ledger
    for each row execute function ibex_core.move_point_account()`.execute(db)
  await sql`create function ibex_core.refuse_account_change() returns trigger language plpgsql set search_path = '' as $$
begin
  -- deeper than 1 is the work of a movement, or of a foreign key: the account goes with its user
  if pg_trigger_depth() < 2 then
    raise insufficient_privilege using message = 'an account of points moves with its ledger only: insert a movement instead',
      schema = 'ibex_core', table = 'point_accounts';
  end if;
  return coalesce(new, old);
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.refuse_account_change()',
    'Raises for every change of an account that is not made by a movement of points.',
  )
  await sql`create trigger point_accounts_refuse_direct_change before update or delete on ibex_core.point_accounts
    for each row execute function ibex_core.refuse_account_change()`.execute(db)
  await sql`create trigger point_accounts_refuse_direct_insert before insert on ibex_core.point_accounts
    for each row when ((new.balance, new.frozen_balance, new.lifetime_earned, new.lifetime_spent, new.version)
      is distinct from (0, 0, 0, 0, 0)) execute function ibex_core.refuse_account_change()`.execute(db)
}

async function createMovePoints(db: Kysely<unknown>): Promise<void> {
  // the account is locked before the event is looked up: of many callers of one event the first moves the points and the
  // others, each in its turn, find what it did
  await sql`create function ibex_core.move_points(tenant uuid, owner uuid, change text, way text, points bigint, purpose text,
  event text, details jsonb, next_version bigint)
returns table (is_new boolean, movement ibex_core.points_ledger) language plpgsql set search_path = '' as $$
begin
  insert into ibex_core.point_accounts (org_id, user_id) values (tenant, owner) on conflict (org_id, user_id) do nothing;
  perform from ibex_core.point_accounts where org_id = tenant and user_id = owner for no key update;
  select * into movement from ibex_core.points_ledger where org_id = tenant and event_id = event;
  is_new := not found;
  if is_new then
    insert into ibex_core.points_ledger (org_id, user_id, version, change_type, direction, amount, biz_type, event_id, metadata)
    values (tenant, owner, next_version, change, way, points, purpose, event, details) returning * into movement;
  elsif (movement.user_id, movement.change_type, movement.direction, movement.amount, movement.biz_type)
    is distinct from (owner, change, way, points, purpose) then
    raise unique_violation using message = 'the event has moved other points',
      schema = 'ibex_core', table = 'points_ledger', constraint = 'points_ledger_org_id_event_id_key';
  end if;
  return next;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.move_points',
    'Moves points once per event: the same event again gives back the movement of the first time.',
  )
  await allowFunction(db, 'ibex_core.move_points')
}
