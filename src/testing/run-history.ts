/** Runs a history once with the other tenant's part and once without it. */
import { settingsOf } from './model.ts'
import type { History, Operation } from './operation.ts'
import type { OutcomeError, TestSession } from './session.ts'
import { quoteName } from './sql-text.ts'
import { viewName } from './tenant-view.ts'

/** What one tenant noticed of one of its own operations. */
interface Notice {
  /** The place of the operation in the history; the length of the history for what is seen at its end. */
  readonly place: number
  readonly seen: string
}

/** Where the two runs differ. */
export interface Interference {
  readonly place: number
  readonly together: string
  readonly alone: string
}

/** Counts what was sent. */
export interface HistoryCounts {
  operations: number
  /** Operations that changed or gave rows. */
  effective: number
}

interface Sent {
  readonly seen: string
  readonly isFailed: boolean
  readonly isEffective: boolean
}

/** Runs histories; everything is rolled back after each. */
export class HistoryRunner {
  readonly counts: HistoryCounts = { operations: 0, effective: 0 }
  readonly #session: TestSession
  readonly #history: History
  readonly #view: string
  readonly #become: Readonly<Record<'mine' | 'theirs', string>>

  constructor(session: TestSession, history: History, view: string) {
    this.#session = session
    this.#history = history
    this.#view = view
    const role = `set local role ${quoteName(history.model.options.role)}; `
    this.#become = {
      mine: `reset role; ${settingsOf(history.model, history.filled.mine)}${role}`,
      theirs: `reset role; ${settingsOf(history.model, history.filled.theirs)}${role}`,
    }
  }

  /** The first difference that the first tenant notices; undefined when there is none. */
  async compare(operations: readonly Operation[]): Promise<Interference | undefined> {
    const together = await this.#run(operations)
    const alone = await this.#run(operations, 'mine')
    const difference = firstDifference(together, alone)
    if (difference === undefined) return undefined
    // what differs from itself, a number of a sequence say, tells nothing about the other tenant
    const again = { together: await this.#run(operations), alone: await this.#run(operations, 'mine') }
    const isSteady =
      firstDifference(together, again.together) === undefined &&
      firstDifference(alone, again.alone) === undefined
    return isSteady ? difference : undefined
  }

  /** Runs the operations, or those of one tenant, and returns what `mine` noticed. */
  async #run(operations: readonly Operation[], only?: 'mine'): Promise<readonly Notice[]> {
    const notices: Notice[] = []
    await this.#session.within('ibex_run', async () => {
      let end = ''
      for (const [place, operation] of operations.entries()) {
        if (only !== undefined && operation.by !== only) continue
        const { seen, isFailed, isEffective } = await this.#send(operation, end)
        if (only === undefined) this.counts.operations += 1
        if (only === undefined && isEffective) this.counts.effective += 1
        end = `${isFailed || operation.isUndone ? 'rollback to savepoint ibex_step; ' : ''}release savepoint ibex_step; `
        if (operation.by === 'mine') notices.push({ place, seen })
      }
      const [row] = await this.#session.run<{ view: string }>(`${end}${this.#become.mine}${this.#view}`)
      notices.push({ place: operations.length, seen: row?.view ?? '' })
    })
    return notices
  }

  /** One message a step: the end of the one before travels with it. */
  async #send(operation: Operation, end: string): Promise<Sent> {
    const { by, table, isRead, statement } = operation
    const isReadable = table.columns.some(({ maySelect }) => maySelect)
    const read = isReadable ? `execute ${viewName(this.#history, table)}` : 'select 1 as view'
    const before = `${end}savepoint ibex_step; ${this.#become[by]}`
    const { error, rowCount, rows } = await this.#session.attempt(before, isRead ? read : statement)
    const view: unknown = isRead ? rows[0]?.['view'] : rowCount
    return {
      seen: error === undefined ? `gives ${String(view)}` : `fails: ${describe(error)}`,
      isFailed: error !== undefined,
      isEffective: error === undefined && rowCount > 0,
    }
  }
}

function firstDifference(together: readonly Notice[], alone: readonly Notice[]): Interference | undefined {
  for (const [index, { place, seen }] of together.entries()) {
    const other = alone[index]
    if (other === undefined || other.seen === seen) continue
    return { place, together: without(other.seen, seen), alone: without(seen, other.seen) }
  }
  return undefined
}

/** Of two views of all tables, the ones that the other has not. */
function without(other: string, seen: string): string {
  const known = new Set(other.split(' '))
  const views = seen.split(' ').filter((view) => view.includes('=') && !known.has(view))
  if (!/^(?:gives )?\S+=\d+\//u.test(seen)) return seen
  const tables = views.map((view) => view.replace(/^(.*)=(\d+)\/.*$/u, '$2 rows of $1'))
  return `sees ${tables.join(', ')}`
}

function describe({ code, message }: OutcomeError): string {
  return `${message} (${code})`
}
