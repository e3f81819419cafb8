/** One row in the making: what each part of it may be, and the next try when the database refuses. */
import type { OutcomeError } from './session.ts'

/** A part of a row that is decided at once: a column, or the columns of a foreign key. */
export interface Slot {
  readonly columns: readonly string[]
  /** The domains of its column, which an error may name in place of a constraint. */
  readonly domains: readonly string[]
  /** Values by column; a column that is not named keeps its default. Likely ones first, at least one. */
  readonly options: readonly SlotOption[]
  /** The table that it must refer to, and that has no rows. */
  readonly missing?: string | undefined
}

/** Values in PostgreSQL's text form. */
export type SlotOption = Readonly<Record<string, string | null>>

/** Goes through the combinations that an error leaves. */
export class RowDraft {
  readonly #slots: readonly Slot[]
  readonly #chosen: number[]
  #isBare = false

  constructor(slots: readonly Slot[]) {
    this.#slots = slots
    this.#chosen = slots.map(() => 0)
  }

  /** The values as they are chosen now. */
  get values(): SlotOption {
    return Object.assign(
      {},
      ...this.#slots.map(({ options }, index) => options[this.#chosen[index] ?? 0]),
    ) as SlotOption
  }

  /** Chooses anew among the slots of these columns, or of all when there are none; false when nothing is left to try. */
  advance(columns: readonly string[] | undefined): boolean {
    const concerned = this.#slots.flatMap((slot, index) =>
      columns === undefined || slot.columns.some((column) => columns.includes(column)) ? [index] : [],
    )
    if (concerned.length > 0 && this.#next(concerned)) return true
    return this.#bare()
  }

  /** The columns of a domain. */
  columnsOfDomain(name: string): readonly string[] {
    return this.#slots
      .filter(({ domains }) => domains.some((domain) => domain === name || domain.endsWith(`.${name}`)))
      .flatMap(({ columns }) => columns)
  }

  /** The next combination, as an odometer does: the last wheel turns fastest. */
  #next(slots: readonly number[]): boolean {
    for (const slot of slots.toReversed()) {
      const choices = this.#slots[slot]?.options.length ?? 0
      const chosen = (this.#chosen[slot] ?? 0) + 1
      if (chosen < choices) {
        this.#chosen[slot] = chosen
        return true
      }
      this.#chosen[slot] = 0
    }
    return false
  }

  /** Once: leaves empty what may be empty, and begins again. */
  #bare(): boolean {
    if (this.#isBare) return false
    this.#isBare = true
    for (const [index, { options }] of this.#slots.entries()) {
      const empty = options.findIndex((option) => Object.values(option).every((value) => value === null))
      this.#chosen[index] = Math.max(0, empty)
    }
    return true
  }
}

/** The columns that an error is about; undefined when it does not say. */
export function columnsOfError(
  { code, constraint, column, dataType, message }: OutcomeError,
  draft: RowDraft,
  columnsOf: (constraint: string) => readonly string[] | undefined,
): readonly string[] | undefined {
  if (column !== undefined) return [column]
  if (dataType !== undefined) return draft.columnsOfDomain(dataType)
  if (constraint !== undefined) return columnsOf(constraint)
  return code === '23514' && message.startsWith('no partition') ? columnsOf('') : undefined
}
