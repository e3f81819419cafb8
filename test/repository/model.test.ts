/** The repository against a model: the same random operations on both, the same rows after each. */
import { randomUUID } from 'node:crypto'
import type { Selectable } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { UniqueViolationError } from '../../src/errors.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import { type ModelNote, ModelNotes, type NewModelNote, TakenError } from './model-notes.ts'
import { type Notes, type NotesDB, createNotes, notes } from './notes.ts'
import { randomFrom } from '../support/random.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

type NoteRepository = BaseRepository<NotesDB, 'public.notes'>
type Side = readonly [ModelNotes, NoteRepository]

const steps = 300
const seed = 20_261_122
let tenants: TwoTenants<NotesDB>

beforeAll(async () => {
  tenants = await openTwoTenants<NotesDB>()
  await createNotes(tenants.admin)
})

afterAll(async () => {
  await tenants.close()
})

/** What one step does, and what it does it with. */
interface Step {
  readonly operation: keyof typeof operations
  readonly id: string
  readonly given: readonly [NewModelNote, NewModelNote, NewModelNote]
}

const byTitle = { conflict: ['title'], update: ['tags'] } as const

/** Each operation on the model and on the repository. */
const operations = {
  insert: [
    (model: ModelNotes, { given }: Step) => model.insert(given[0]),
    async (repository: NoteRepository, { given }: Step) => await repository.insert(row(given[0])),
  ],
  insertMany: [
    (model: ModelNotes, { given }: Step) => model.insertMany(given),
    async (repository: NoteRepository, { given }: Step) => await repository.insertMany(given.map(row)),
  ],
  upsert: [
    (model: ModelNotes, { given }: Step) => model.upsert(given[0]),
    async (repository: NoteRepository, { given }: Step) => await repository.upsert(row(given[0]), byTitle),
  ],
  update: [
    (model: ModelNotes, { id, given }: Step) => model.update(id, given[0]),
    async (repository: NoteRepository, { id, given }: Step) =>
      await repository.update(id, { tags: [...given[0].tags] }),
  ],
  softDelete: [
    (model: ModelNotes, { id }: Step) => model.softDelete(id),
    async (repository: NoteRepository, { id }: Step) => await repository.softDelete(id),
  ],
  restore: [
    (model: ModelNotes, { id }: Step) => model.restore(id),
    async (repository: NoteRepository, { id }: Step) => await repository.restore(id),
  ],
  delete: [
    (model: ModelNotes, { id }: Step) => model.delete(id),
    async (repository: NoteRepository, { id }: Step) => await repository.delete(id),
  ],
} as const

test('behaves as a map per tenant does', async () => {
  const random = randomFrom(seed)
  const sides: readonly [Side, Side] = [
    [new ModelNotes(), new BaseRepository(tenants.mine, notes)],
    [new ModelNotes(), new BaseRepository(tenants.theirs, notes)],
  ]
  const done = new Set<string>()
  for (let count = 0; count < steps; count++) {
    const own = random(2)
    const [model, repository] = sides[own === 0 ? 0 : 1]
    const [otherModel] = sides[own === 0 ? 1 : 0]
    // one time in five the id is of the other tenant, and nothing may happen
    const step = randomStep(random, [...(random(5) === 0 ? otherModel : model).notes.keys()])
    const [onModel, onRepository] = operations[step.operation]
    const expected = await outcome(() => onModel(model, step))
    const actual = await outcome(async () => await onRepository(repository, step))
    expect({ count, step, outcome: actual }).toEqual({ count, step, outcome: expected })
    expect({ count, step, state: await stateOf(sides) }).toEqual({ count, step, state: modelsOf(sides) })
    done.add(
      `${step.operation} ${expected === undefined || expected === false ? 'nothing' : typeof expected}`,
    )
  }
  // the walk has been everywhere: what can fail did fail, and succeed
  expect([...done].toSorted()).toEqual([
    'delete boolean',
    'delete nothing',
    'insert object',
    'insert string',
    'insertMany object',
    'insertMany string',
    'restore nothing',
    'restore object',
    'softDelete nothing',
    'softDelete object',
    'update nothing',
    'update object',
    'upsert object',
    'upsert string',
  ])
})

function randomStep(random: (below: number) => number, ids: readonly string[]): Step {
  const names = Object.keys(operations) as (keyof typeof operations)[]
  const note = (): NewModelNote => ({
    id: randomUUID(),
    title: `title ${random(20)}`,
    tags: Array.from({ length: random(3) }, () => `tag ${random(3)}`),
  })
  return {
    operation: names[random(names.length)] ?? 'insert',
    id: ids[random(Math.max(1, ids.length))] ?? randomUUID(),
    given: [note(), note(), note()],
  }
}

/** What an operation gave back, in the words of the model; 'taken' when the title was. */
async function outcome(run: () => unknown): Promise<unknown> {
  try {
    const result = await run()
    if (Array.isArray(result)) return result.map(toModel)
    return typeof result === 'object' ? toModel(result as ModelNote) : result
  } catch (error) {
    if (error instanceof TakenError || error instanceof UniqueViolationError) return 'taken'
    throw error
  }
}

async function stateOf(sides: readonly Side[]): Promise<unknown> {
  const state = []
  for (const [, repository] of sides) {
    const rows = await repository.find({ includeDeleted: true, orderBy: { title: 'asc' } })
    state.push({ rows: rows.map(toModel), count: await repository.count() })
  }
  return state
}

function modelsOf(sides: readonly Side[]): unknown {
  return sides.map(([model]) => {
    const rows = [...model.notes.values()].toSorted((one, other) => (one.title < other.title ? -1 : 1))
    return { rows, count: rows.filter(({ isDeleted }) => !isDeleted).length }
  })
}

function toModel(note: ModelNote | Selectable<Notes>): ModelNote {
  const { id, title, tags } = note
  return { id, title, tags, isDeleted: 'deleted_at' in note ? note.deleted_at !== null : note.isDeleted }
}

function row({ id, title, tags }: NewModelNote): { id: string; title: string; tags: string[] } {
  return { id, title, tags: [...tags] }
}
