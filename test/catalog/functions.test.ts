/** Who may call the functions of ibex_core, and with whose rights they run. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, setup } from '../support/setup.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await setup()
})

afterAll(async () => {
  await database.close()
})

test('lets nobody but the roles call a function, and only those named run with the rights of their owner', async () => {
  const { rows } = await sql`select proname::text as name, prosecdef as definer,
      has_function_privilege('ibex_app', oid, 'execute') as app,
      (select count(*)::int from aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl where acl.grantee = 0) as public
    from pg_proc where pronamespace = 'ibex_core'::regnamespace order by 1`.execute(database.admin)
  const trigger = { definer: false, app: false, public: 0 }
  const search = { definer: true, app: true, public: 0 }
  const system = { definer: true, app: false, public: 0 }
  expect(rows).toEqual([
    { ...trigger, name: 'add_distinct_memories', app: true },
    { ...trigger, name: 'add_memories', app: true },
    { ...trigger, name: 'add_memory', app: true },
    { ...trigger, name: 'any_word' },
    { ...trigger, name: 'await_memory_writers' },
    { ...trigger, name: 'carry_out_erasure' },
    { ...trigger, name: 'check_order_status' },
    { ...trigger, name: 'check_order_subtotal' },
    { ...trigger, name: 'choose_default_template' },
    { ...trigger, name: 'count_memory_votes' },
    { ...trigger, name: 'count_messages' },
    { ...trigger, name: 'current_org_id', app: true },
    { ...system, name: 'erase_organization' },
    { ...search, name: 'erase_subject' },
    { ...trigger, name: 'give_back_inventory' },
    { ...trigger, name: 'guard_legal_hold' },
    { ...trigger, name: 'keep_embedding_model' },
    { ...trigger, name: 'keep_organization_owned' },
    { ...trigger, name: 'keep_owner_a_member' },
    { ...trigger, name: 'keep_team_owned' },
    { ...trigger, name: 'lock_agent_memories', app: true },
    { ...trigger, name: 'lock_memories', app: true },
    { ...search, name: 'memories_containing' },
    { ...search, name: 'memories_with_words' },
    { ...trigger, name: 'memory_content_hash' },
    { ...trigger, name: 'mentions_in' },
    { ...trigger, name: 'merge_memories', app: true },
    { ...trigger, name: 'move_default_template' },
    { ...trigger, name: 'move_point_account' },
    { ...trigger, name: 'move_points', app: true },
    { ...trigger, name: 'nearest_memories', app: true },
    { ...trigger, name: 'notify_hot_memories' },
    { ...trigger, name: 'number_message' },
    { ...trigger, name: 'number_points_movement' },
    { ...trigger, name: 'place_order', app: true },
    { ...trigger, name: 'promote_default_template' },
    { ...trigger, name: 'publish_directive', app: true },
    { ...trigger, name: 'references_to' },
    { ...trigger, name: 'refuse_account_change' },
    { ...trigger, name: 'refuse_change' },
    { ...trigger, name: 'refuse_checkpoint_delete' },
    { ...trigger, name: 'refuse_erased_memory' },
    { ...trigger, name: 'refuse_held_delete' },
    { ...trigger, name: 'roll_back_directive', app: true },
    { ...search, name: 'run_untrusted' },
    { ...search, name: 'search_canon_items' },
    { ...search, name: 'search_memories' },
    { ...search, name: 'search_rag_documents' },
    { ...search, name: 'sign_tenant' },
    { ...search, name: 'signed_org_id', app: false },
    { ...trigger, name: 'take_in_memory', app: true },
    { ...trigger, name: 'tenant_signature' },
    { ...trigger, name: 'touch_updated_at' },
    { ...trigger, name: 'words_of', app: true },
    { ...trigger, name: 'write_memory_version' },
  ])
})
