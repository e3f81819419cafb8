/** How the tables of ibex_core would lie on Citus, and what it refuses of them today: docs/scaling.md says what to do about it. */
import type { CitusPlan } from './citus-rules.ts'

/** Where each table goes; those that are not named are distributed. */
export const citusPlan: CitusPlan = {
  column: 'org_id',
  type: 'uuid',
  references: new Set([
    // slug and stripe_customer_id are unique among all tenants, and every table refers to it
    'ibex_core.organizations',
    // the catalogues that all tenants share
    'ibex_core.llm_models',
    'ibex_core.llm_providers',
  ]),
  locals: new Set([
    // what is left of tenants that are gone: only the system role reads it, joined with nothing
    'ibex_core.organization_erasures',
    // of the migrations
    'ibex_core.kysely_migration',
    'ibex_core.kysely_migration_lock',
  ]),
}

/** The keys with ON DELETE SET NULL (column). */
export const knownActions: readonly string[] = [
  'agent_executions_org_id_agent_id_fkey',
  'agents_org_id_created_by_fkey',
  'agents_org_id_team_id_fkey',
  'canon_items_org_id_role_id_fkey',
  'directive_versions_org_id_created_by_fkey',
  'directives_org_id_id_active_version_id_fkey',
  'memories_org_id_merged_into_fkey',
  'memories_org_id_session_id_fkey',
  'memories_org_id_superseded_by_fkey',
  'memories_org_id_user_id_fkey',
  'messages_org_id_agent_id_fkey',
  'messages_org_id_role_id_fkey',
  'order_items_org_id_product_id_fkey',
  'orders_org_id_user_id_fkey',
  'sessions_org_id_directive_version_id_fkey',
  'sessions_org_id_project_id_fkey',
  'sessions_org_id_user_id_fkey',
  'tokens_org_id_revoked_by_fkey',
  'tool_executions_org_id_agent_id_fkey',
  'tool_executions_org_id_user_id_fkey',
]

/**
 * Triggers by table, without the table's name, beside `touch_updated_at`, `refuse_change` and `refuse_truncate`: most of them
 * read or write other rows, which on a node must be the tenant's own.
 */
export const knownTriggers: Readonly<Record<string, string>> = {
  agents: 'refuse_held_delete',
  checkpoints: 'refuse_delete',
  erasure_receipts: 'carry_out',
  legal_holds: 'guard',
  memories:
    'keep_model_of_changed keep_model_of_new notify_hot_of_changed notify_hot_of_deleted notify_hot_of_new refuse_erased refuse_erased_change refuse_held_delete write_version_of_changed write_version_of_new',
  memory_tombstones: 'await_writers',
  memory_votes: 'count_deleted count_inserted count_updated',
  messages: 'count_deleted count_inserted count_updated keep_number number',
  order_items: 'order_subtotal_check',
  orders: 'check_status give_back_inventory subtotal_items_check',
  organizations: 'refuse_held_delete',
  point_accounts: 'refuse_direct_change refuse_direct_insert',
  points_ledger: 'move_account number_movement',
  prompt_templates: 'choose_default move_default promote_default',
  sessions: 'refuse_held_delete',
  team_memberships: 'keep_team_owned_on_delete keep_team_owned_on_update',
  teams: 'keep_owner_a_member_on_insert keep_owner_a_member_on_update',
  users: 'keep_organization_owned_on_delete keep_organization_owned_on_update refuse_held_delete',
}
