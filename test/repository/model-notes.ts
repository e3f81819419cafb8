/** The notes of one tenant as a map: what the repository of `public.notes` must behave like. */

/** What the model knows of a note. */
export interface ModelNote {
  readonly id: string
  readonly title: string
  readonly tags: readonly string[]
  readonly isDeleted: boolean
}

/** A note to insert; its id is given, so that model and repository agree on it. */
export type NewModelNote = Omit<ModelNote, 'isDeleted'>

/** What both do when a title is taken. */
export class TakenError extends Error {}

/** A table of notes in memory; titles are unique among all, the deleted ones included. */
export class ModelNotes {
  readonly notes: Map<string, ModelNote> = new Map()

  insert(note: NewModelNote): ModelNote {
    if (this.#withTitle(note.title) !== undefined) throw new TakenError()
    return this.#put({ ...note, isDeleted: false })
  }

  insertMany(notes: readonly NewModelNote[]): ModelNote[] {
    const titles = notes.map(({ title }) => title)
    if (new Set(titles).size < notes.length || titles.some((title) => this.#withTitle(title) !== undefined))
      throw new TakenError()
    return notes.map((note) => this.insert(note))
  }

  upsert(note: NewModelNote): ModelNote {
    const found = this.#withTitle(note.title)
    if (found?.isDeleted === true) throw new TakenError()
    return found === undefined ? this.insert(note) : this.#put({ ...found, tags: note.tags })
  }

  update(id: string, { tags }: Pick<ModelNote, 'tags'>): ModelNote | undefined {
    return this.#change(id, false, { tags })
  }

  softDelete(id: string): ModelNote | undefined {
    return this.#change(id, false, { isDeleted: true })
  }

  restore(id: string): ModelNote | undefined {
    return this.#change(id, true, { isDeleted: false })
  }

  delete(id: string): boolean {
    return this.notes.delete(id)
  }

  #change(id: string, isDeleted: boolean, values: Partial<ModelNote>): ModelNote | undefined {
    const note = this.notes.get(id)
    return note?.isDeleted === isDeleted ? this.#put({ ...note, ...values }) : undefined
  }

  #put(note: ModelNote): ModelNote {
    this.notes.set(note.id, note)
    return note
  }

  #withTitle(title: string): ModelNote | undefined {
    return [...this.notes.values()].find((note) => note.title === title)
  }
}
