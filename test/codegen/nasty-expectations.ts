/** What the generated types of the nasty schema must say: a TypeScript file that has to compile beside them. */

/** Compiled next to `database.ts`. Each `@ts-expect-error` fails the compilation when the line below it is allowed. */
export const nastyExpectations: string = String.raw`
import type { Insertable, Selectable, Updateable } from 'kysely'
import type { DB, JsonText, NewNastyStory, NastyStory, NastyStoryPatch, NastyStoryStatus, Order, StoryUsage, StoryUsagePatch } from './database.ts'
import type { Vector } from './vector.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<T extends true>(): T | undefined { return undefined }

type Row = Selectable<DB['nasty.stories']>
same<Equal<Row, NastyStory>>()
same<Equal<Row['status'], 'draft' | 'it\'s "done"' | 'back\\slash'>>()
same<Equal<Row['status'], NastyStoryStatus>>()
same<Equal<Row['kind'], 'long' | 'short' | null>>()
same<Equal<Row['one'], 'only'>>()
same<Equal<Row['either'], 'left' | 'right'>>()
same<Equal<Row['stars'], 1 | 2 | 3>>()
same<Equal<Row['debt'], number>>()
same<Equal<Row['twice'], 'b'>>()
same<Equal<Row['grade'], 'a' | 'b' | 'c'>>()
same<Equal<Row['passed'], 'a' | 'b'>>()
same<Equal<Row['feeling'], 'sad' | 'ok' | 'happy'>>()
same<Equal<Row['feelings'], string>>()
// a CHECK that is no plain list says nothing; one by one, for a union with string is string
same<Equal<Row['leaky'], string>>()
same<Equal<Row['shouted'], string>>()
same<Equal<Row['negated'], string>>()
same<Equal<Row['guarded'], string>>()
same<Equal<Row['coded'], string>>()
same<Equal<Row['cut'], string>>()
same<Equal<Row['padded'], string>>()
same<Equal<Row['trimmed'], string>>()
same<Equal<Row['big'], string | null>>()
same<Equal<Row['body'], string>>()
same<Equal<Row['labels'], string[] | null>>()
same<Equal<Row['tags'], string[]>>()
same<Equal<Row['prices'], string[]>>()
same<Equal<Row['price'], string>>()
same<Equal<Row['serial'], string>>()
same<Equal<Row['addresses'], string[] | null>>()
same<Equal<Row['born'], string | null>>()
same<Equal<Row['held_at'], Date>>()
same<Equal<Row['raw'], Buffer | null>>()
same<Equal<Row['vec'], Vector<3> | null>>()
same<Equal<Row['own_vec'], Vector<3> | null>>()
same<Equal<Row['free_vec'], Vector | null>>()
same<Equal<Selectable<DB['Odd Schema.order']>, Order>>()
same<Equal<Order['it\'s "quoted"'], 'a' | 'b'>>()
same<Equal<StoryUsage['status'], 'hot' | 'cold' | null>>()
same<Equal<keyof Insertable<DB['nasty.titles']>, never>>()
same<Equal<keyof Updateable<DB['nasty.totals']>, never>>()
same<Equal<keyof DB & ('nasty.parts_0' | 'nasty.kysely_migration'), never>>()
same<Equal<keyof DB & ('nasty.child' | 'nasty.parts'), 'nasty.child' | 'nasty.parts'>>()

const story: NewNastyStory = {
  body: 'text', one: 'only', either: 'left', stars: 1, debt: -1, twice: 'b', leaky: 'x', shouted: 'A', negated: 'x',
  guarded: 'a', coded: '1', cut: 'a', padded: 'a', trimmed: 'a', feeling: 'ok', feelings: ['ok'], price: '0.10', anything: { a: [1] },
}
const change: NastyStoryPatch = { counter: 1n, held_at: '2026-01-01', tags: ['a'] as const, list: '[]' as JsonText }
// @ts-expect-error always generated: no insert
const serial: NewNastyStory = { ...story, serial: 1 }
// @ts-expect-error always generated: no update
const words: NastyStoryPatch = { words: 'text' }
// @ts-expect-error the tenant never changes
const tenant: NastyStoryPatch = { org_id: 'other' }
// @ts-expect-error nor where it is no part of a primary key
const tenantAlone: StoryUsagePatch = { org_id: 'other' }
// @ts-expect-error nor does the primary key
const id: NastyStoryPatch = { id: 'other' }
// @ts-expect-error pg writes a bare array as a PostgreSQL array
const bareList: NastyStoryPatch = { list: [1] }
// @ts-expect-error likewise where any JSON may stand
const bareAny: NastyStoryPatch = { anything: [1] }
// @ts-expect-error a bare string would be parsed as JSON
const bareText: NastyStoryPatch = { anything: 'text' }
// @ts-expect-error the CHECK wants an object
const noObject: NastyStoryPatch = { settings: '[]' as JsonText }
// @ts-expect-error an array is no object either
const listAsObject: NastyStoryPatch = { settings: [1] }
// @ts-expect-error floating point: 0.1 + 0.2 is not 0.3
const price: NastyStoryPatch = { price: 0.1 }
// @ts-expect-error nor in a list
const prices: NastyStoryPatch = { prices: [0.1] }
// @ts-expect-error a Date would be shifted by the time zone
const clock: NastyStoryPatch = { clock: new Date() }
// @ts-expect-error not in the list
const status: NastyStoryPatch = { status: 'lost' }
export { bareAny, bareList, bareText, change, clock, id, listAsObject, noObject, price, prices, serial, status, tenant, tenantAlone, words }
`
