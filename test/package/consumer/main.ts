/** A small service as a user would write it: type-checked and run against the packed tarball by scripts/pack-check.ts. */
import { PGlite } from '@electric-sql/pglite'
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin'
import { vector } from '@electric-sql/pglite-pgvector'
import { BaseRepository, createDatabase, lexicalEmbedder, MissingTenantError } from 'ibex-db'
import type { DB, Scope, TableDefinition, TenantScope } from 'ibex-db'
import { generateTypes } from 'ibex-db/codegen'
import { diagnose } from 'ibex-db/doctor'
import { createTenantTable, migrateToLatest } from 'ibex-db/migration'
import { migrationProvider } from 'ibex-db/migrations'
import { expectTenantIsolation } from 'ibex-db/testing'
import type { ColumnType, Kysely } from 'kysely'

interface MyDB extends DB {
  'public.notes': {
    org_id: ColumnType<string, string | undefined, never>
    id: ColumnType<string, string | undefined, never>
    body: string
    created_at: ColumnType<Date, undefined, never>
    updated_at: ColumnType<Date, undefined, never>
  }
}

const notes = {
  name: 'public.notes',
  columns: {
    org_id: 'uuid',
    id: 'uuid',
    body: 'text',
    created_at: 'timestamp with time zone',
    updated_at: 'timestamp with time zone',
  },
  primaryKey: ['org_id', 'id'],
  tenantColumn: 'org_id',
  softDeleteColumn: null,
  generatedColumns: [],
  nullableColumns: [],
} as const satisfies TableDefinition

class NoteRepository extends BaseRepository<MyDB, 'public.notes'> {
  constructor(scope: Scope<MyDB>) {
    super(scope, notes)
  }
}

const createNotes = {
  up: async (db: Kysely<unknown>): Promise<void> => {
    await createTenantTable(db, 'public.notes', { comment: 'A note.', columns: { body: { type: 'text' } } })
  },
}

const target = { embedded: await PGlite.create({ extensions: { btree_gin, vector } }) }
const migrations = { ...(await migrationProvider.getMigrations()), '20990101_0001_create_notes': createNotes }
const ran = await migrateToLatest({ target, provider: { getMigrations: async () => migrations } })
expect(`runs ${ran.length} migrations, its own among them`, ran.length === Object.keys(migrations).length)
expect('generates types', typeof generateTypes === 'function')

const database = createDatabase<MyDB>(target)
await database.verifyIsolation()
const [myId, theirId] = await database.asSystem('sign up two organizations', async ({ db }) => {
  const added = await db
    .insertInto('ibex_core.organizations')
    .values([
      { name: 'Mine', slug: 'mine' },
      { name: 'Theirs', slug: 'theirs' },
    ])
    .returning('id')
    .execute()
  return added.map(({ id }) => id)
})
const mine: TenantScope<MyDB> = database.forTenant(myId ?? '')
const theirs = database.forTenant(theirId ?? '')

const note = await new NoteRepository(mine).insert({ body: 'packed' })
const body: string = note.body
expect('writes to its own table', body === 'packed')
// @ts-expect-error: the table has no such column
const wrong = new NoteRepository(mine).findOne({ title: 'packed' }).catch(() => undefined)
expect('refuses a column that is not there', (await wrong) === undefined)
expect('finds its row again', (await new NoteRepository(mine).findById(note.id))?.id === note.id)
expect('hides it from another tenant', (await new NoteRepository(theirs).findById(note.id)) === undefined)
const seen = await theirs.db.selectFrom('public.notes').selectAll().execute()
expect('hides it from plain Kysely too', seen.length === 0)

const [embedding] = await lexicalEmbedder.embed(['Ana lives in Porto.'])
if (embedding === undefined) throw new Error('the embedder returned nothing')
const memory = { agentId: null, content: 'Ana lives in Porto.', embedding, category: 'factual' } as const
await mine.memories.add(memory)
expect('remembers', (await mine.memories.search({ embedding })).hits.length === 1)
expect('keeps memories apart', (await theirs.memories.search({ embedding })).hits.length === 0)
const { memory_config: memoryConfig } = await mine.agents.insert({ name: 'Guide', slug: 'guide' })
const weight: number = memoryConfig.retrieval_weights.relevance
expect('knows the shape of a JSON column', weight === 0.4)
// @ts-expect-error: it has no such key
expect('and nothing beyond it', memoryConfig.budget === undefined)
let refusal: unknown
try {
  database.forTenant('')
} catch (error) {
  refusal = error
}
expect('refuses to go without a tenant', refusal instanceof MissingTenantError)
await database.close()
const { findings } = await diagnose(target, { schemas: ['ibex_core', 'public'] })
const errors = findings.filter(({ severity }) => severity === 'error')
expect('is sound in the eyes of its own doctor', errors.length === 0)
const proof = await expectTenantIsolation(target, { schemas: ['public'], acceptExistingRows: true })
expect(
  'proves that tenants are kept apart in its own table',
  proof.tables === 1 && proof.violations.length === 0,
)
await target.embedded.close()

function expect(promise: string, holds: boolean): void {
  if (!holds) throw new Error(`the packed package does not do this: ${promise}`)
  console.log(`  ${promise}`)
}
