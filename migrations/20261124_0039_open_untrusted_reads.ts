import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { handOver, requireHandover } from '../src/migration/handover.ts'
import { parseTableName } from '../src/migration/names.ts'
import { createUntrustedRole, untrustedRole } from '../src/migration/roles.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'
import { closeToUntrusted, openToUntrusted } from '../src/migration/untrusted-access.ts'

/** Creates the way in for SQL that nobody has read: a role, a signed tenant, and the tables that it may read. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createUntrustedRole(db)
  await requireHandover(db, runUntrusted, untrustedRole)
  await createKey(db)
  await createSignature(db)
  await createRun(db)
  for (const [table, columns] of Object.entries(open))
    await openToUntrusted(db, table, { columns: columns.split(' ') })
}

/** Closes the tables, and drops the functions and the key. */
export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of Object.keys(open).toReversed()) await closeToUntrusted(db, table)
  await sql`drop function ibex_core.run_untrusted(text, text, integer, bigint)`.execute(db)
  await sql`drop function ibex_core.signed_org_id()`.execute(db)
  await sql`drop function ibex_core.sign_tenant(interval)`.execute(db)
  await sql`drop function ibex_core.tenant_signature(text)`.execute(db)
  await sql`revoke usage on schema ibex_core from ibex_untrusted`.execute(db)
  await sql`drop table ibex_private.tenant_signing_key`.execute(db)
  await sql`drop schema ibex_private`.execute(db)
}

const runUntrusted = parseTableName('ibex_core.run_untrusted')

/** What a question about an organization needs; hashes, secrets, prompts and settings are not among it. */
const open: Readonly<Record<string, string>> = {
  'ibex_core.users': 'org_id id username name role status created_at deleted_at',
  'ibex_core.agents':
    'org_id id team_id name slug tagline status tags total_sessions total_memories total_tokens_used ' +
    'last_active_at created_at deleted_at',
  'ibex_core.projects': 'org_id id name slug description created_at deleted_at',
  'ibex_core.canon_items': 'org_id id project_id role_id type title body tags terms is_active created_at',
  'ibex_core.sessions':
    'org_id id agent_id user_id project_id title status model provider turn_count message_count ' +
    'total_input_tokens total_output_tokens summary last_message_at completed_at created_at ' +
    'deleted_at',
  'ibex_core.messages':
    'org_id id session_id seq agent_id role content token_count model is_summary feedback_rating ' +
    'feedback_comment created_at deleted_at',
  'ibex_core.memories':
    'org_id id agent_id user_id session_id content embedding category source status tier importance ' +
    'is_pinned subject confidence superseded_by merged_into expires_at created_at updated_at ' +
    'deleted_at',
  'ibex_core.memory_usage':
    'org_id memory_id retrieval_count injection_count last_retrieved_at usefulness_score ' +
    'positive_votes negative_votes',
  'ibex_core.memory_relationships': 'org_id id source_id target_id relation_type confidence created_at',
  'ibex_core.memory_tags': 'org_id memory_id tag',
  'ibex_core.rag_documents':
    'org_id id document_id chunk_index total_chunks source_path content embedding created_at',
  'ibex_core.products':
    'org_id id sku name description category price inventory_quantity status tags created_at deleted_at',
  'ibex_core.orders': 'org_id id order_number user_id status subtotal total_price created_at',
  'ibex_core.order_items': 'org_id id order_id seq product_id sku name quantity unit_price',
}

/**
 * Keeps the key where no scope can look: a schema and a table without a right for anybody but their owner.
 *
 * It is kept as the two padded keys of HMAC (RFC 2104), so that PostgreSQL's own sha256 is all that a signature takes.
 */
async function createKey(db: Kysely<unknown>): Promise<void> {
  await sql`create schema ibex_private`.execute(db)
  await sql`revoke all on schema ibex_private from public`.execute(db)
  await sql`create table ibex_private.tenant_signing_key (
    is_only boolean constraint tenant_signing_key_pkey primary key default true
      constraint tenant_signing_key_is_only_check check (is_only),
    inner_key bytea not null,
    outer_key bytea not null
  )`.execute(db)
  await sql`comment on table ibex_private.tenant_signing_key is
    'What signs the tenant of untrusted SQL. A new row makes every signature of the old one worthless.'`.execute(
    db,
  )
  await sql`do $$
declare
  secret bytea := '';
  inner_pad bytea := '';
  outer_pad bytea := '';
begin
  -- PostgreSQL draws a random uuid from its cryptographic generator: 122 bits each
  for part in 1..4 loop
    secret := secret || uuid_send(gen_random_uuid());
  end loop;
  secret := sha256(secret);
  for place in 0..63 loop
    inner_pad := inner_pad || set_byte('\\x00', 0, case when place < 32 then get_byte(secret, place) else 0 end # 54);
    outer_pad := outer_pad || set_byte('\\x00', 0, case when place < 32 then get_byte(secret, place) else 0 end # 92);
  end loop;
  insert into ibex_private.tenant_signing_key (inner_key, outer_key) values (inner_pad, outer_pad);
end
$$`.execute(db)
}

async function createSignature(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.tenant_signature(message text) returns text
    language sql stable set search_path = '' as $$
  select encode(sha256(outer_key || sha256(inner_key || convert_to(message, 'UTF8'))), 'hex')
  from ibex_private.tenant_signing_key
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.tenant_signature(text)',
    'HMAC-SHA-256 (RFC 2104) of the message; only the functions that share its owner can call it.',
  )
  await sql`create function ibex_core.sign_tenant(lifetime interval) returns text
    language plpgsql volatile security definer set search_path = '' as $$
declare
  message constant text := concat_ws('.', ibex_core.current_org_id(),
    ceil(extract(epoch from clock_timestamp() + least(lifetime, interval '5 minutes')))::bigint, pg_backend_pid());
begin
  if ibex_core.current_org_id() is null then
    return null;
  end if;
  return concat_ws('.', message, ibex_core.tenant_signature(message));
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.sign_tenant(interval)',
    'Signs the tenant of the session, for this connection and for as long as asked, five minutes at most.',
  )
  await sql`grant execute on function ibex_core.sign_tenant(interval) to ibex_app`.execute(db)
  await sql`create function ibex_core.signed_org_id() returns uuid
    language plpgsql stable security definer set search_path = '' as $$
declare
  parts constant text[] := string_to_array(current_setting('app.signed_tenant', true), '.');
begin
  if parts[4] = ibex_core.tenant_signature(array_to_string(parts[1:3], '.')) and cardinality(parts) = 4
    and parts[2]::bigint > extract(epoch from clock_timestamp()) and parts[3]::integer = pg_backend_pid() then
    return parts[1]::uuid;
  end if;
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.signed_org_id()',
    'The tenant that was signed for this connection, or null when the signature is missing, wrong or too old.',
  )
  await sql`grant execute on function ibex_core.signed_org_id() to ibex_untrusted`.execute(db)
}

/**
 * Creates the function that runs the statement, with the rights of `ibex_untrusted`.
 *
 * Within a SECURITY DEFINER function PostgreSQL refuses to change the role. A stable one runs what only reads; as a
 * sub-select in a loop the statement can be nothing but one query.
 */
async function createRun(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.run_untrusted(signed_tenant text, statement text, most_rows integer, most_bytes bigint,
    out lines text[], out is_truncated boolean)
    language plpgsql stable security definer set search_path = ibex_core, public, pg_temp as $$
declare
  line text;
  size bigint := 0;
begin
  perform pg_catalog.set_config('app.signed_tenant', signed_tenant, true);
  lines := '{}';
  is_truncated := false;
  for line in execute pg_catalog.format(E'select pg_catalog.row_to_json(untrusted) from (%s\n) as untrusted', statement) loop
    size := size + pg_catalog.octet_length(line);
    if pg_catalog.cardinality(lines) = most_rows or size > most_bytes then
      is_truncated := true;
      exit;
    end if;
    lines := lines || line;
  end loop;
  -- a lock of the session would outlive the transaction
  perform pg_catalog.pg_advisory_unlock_all();
exception when query_canceled or others then
  perform pg_catalog.pg_advisory_unlock_all();
  raise;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.run_untrusted(text, text, integer, bigint)',
    'Runs one query that nobody has read, for the tenant that was signed, and returns its rows as JSON.',
  )
  await sql`grant execute on function ibex_core.run_untrusted(text, text, integer, bigint) to ibex_app`.execute(
    db,
  )
  await handOver(db, runUntrusted, untrustedRole)
}
