/** Sends probes in two worlds, one with the other tenant's rows and one without them, and tells what differs. */
import type { FilledDatabase } from './stored-row.ts'
import { ownedBy, settingsOf, tenantTablesOf } from './model.ts'
import type { TestModel, TestTable } from './model.ts'
import { advice, asReplica } from './probe.ts'
import type { Probe } from './probe.ts'
import type { Outcome, TestSession } from './session.ts'
import { quoteName } from './sql-text.ts'

/** Something that a tenant could see or change of another. */
export interface Violation {
  /** As the doctor names it: `table public.notes`. */
  readonly object: string
  readonly probe: Probe['kind']
  /** What happened, in one sentence without a full stop. */
  readonly seen: string
  /** The statement that the tenant sent. */
  readonly statement: string
  readonly advice: string
}

const back = 'rollback to savepoint ibex_probe; '

/** Runs probes of one filled database. */
export class ProbeRunner {
  readonly #session: TestSession
  readonly #model: TestModel
  readonly #filled: FilledDatabase
  readonly #asMine: string
  #before: string | undefined
  #isDigestPrepared = false
  #isRemovalPrepared = false

  constructor(session: TestSession, model: TestModel, filled: FilledDatabase) {
    this.#session = session
    this.#model = model
    this.#filled = filled
    this.#asMine = actingAs(model, filled.mine)
  }

  /** Runs all of them and returns what is wrong; with `isFirst` it stops at the first. */
  async run(probes: readonly Probe[], isFirst = false): Promise<readonly Violation[]> {
    const violations: Violation[] = []
    const pending: { readonly probe: Probe; readonly outcome: Outcome; readonly isSteady: boolean }[] = []
    await this.#refreshViews()
    await this.#session.run('savepoint ibex_probe')
    for (const probe of probes) {
      const { outcome, fault } = await this.#observe(probe)
      if (fault !== undefined) violations.push(violationOf(probe, fault))
      else pending.push({ probe, outcome, isSteady: await this.#isSteady(probe, outcome) })
      if (isFirst && violations.length > 0) break
    }
    await this.#session.run(`${back}release savepoint ibex_probe`)
    if (isFirst && violations.length > 0) return violations
    await this.#session.within('ibex_world', async () => {
      await this.#removeTheirs()
      await this.#refreshViews()
      await this.#session.run('savepoint ibex_probe')
      for (const { probe, outcome, isSteady } of pending) {
        const without = await this.#send(probe)
        const difference = differenceOf(outcome, without, isSteady)
        if (difference === undefined) continue
        violations.push(violationOf(probe, difference))
        if (isFirst) return
      }
    })
    return violations
  }

  async #observe(probe: Probe): Promise<{ readonly outcome: Outcome; readonly fault: string | undefined }> {
    const outcome = await this.#send(probe)
    const fault = probe.judge?.(outcome)
    const isChanged =
      fault === undefined && probe.isWrite && outcome.error === undefined && (await this.#isChanged(probe))
    return { outcome, fault: fault ?? (isChanged ? 'their rows were changed' : undefined) }
  }

  async #send(probe: Probe): Promise<Outcome> {
    // in one message with the end of the one before: there are thousands
    return await this.#session.attempt(`${back}${probe.setup}${this.#asMine}`, probe.statement)
  }

  /** Compares their rows, by content and by place, with what they were before the statement. */
  async #isChanged({ setup }: Probe): Promise<boolean> {
    const after = await this.#theirs()
    await this.#session.run(back)
    this.#before ??= await this.#theirs()
    if (after === this.#before) return false
    if (setup === '') return true
    await this.#session.run(`${back}${setup}`)
    return after !== (await this.#theirs())
  }

  async #theirs(): Promise<string> {
    const tables = tenantTablesOf(this.#model)
    if (!this.#isDigestPrepared) {
      // one a table: what changes one of them has only that statement planned anew
      for (const [place, table] of tables.entries())
        await this.#session.prepare(`ibex_digest_${place}`, this.#digestOf(table))
    }
    this.#isDigestPrepared = true
    const executes = tables.map((_, place) => `execute ibex_digest_${place}`)
    return JSON.stringify(await this.#session.runEach(`reset role; ${executes.join('; ')}`))
  }

  #digestOf(table: TestTable): string {
    return `select md5(string_agg(ibex_row.tableoid::text || ibex_row.ctid::text || ibex_row::text, ','
        order by ibex_row.tableoid, ibex_row.ctid)) as digest
      from ${table.relation.sql} as ibex_row where ${ownedBy(this.#model, table, 'ibex_row', this.#filled.theirs)}`
  }

  async #isSteady(probe: Probe, outcome: Outcome): Promise<boolean> {
    if (probe.mayVary !== true || outcome.error !== undefined) return true
    return isSame(outcome, await this.#send(probe))
  }

  /** All at once: each condition looks at the rows as they were, also those that belong to a tenant through another table. */
  async #removeTheirs(): Promise<void> {
    if (!this.#isRemovalPrepared) {
      const deletes = tenantTablesOf(this.#model).map((table, place) => {
        const owned = ownedBy(this.#model, table, 'ibex_row', this.#filled.theirs)
        return `ibex_${place} as (delete from ${table.relation.sql} as ibex_row where ${owned})`
      })
      await this.#session.prepare('ibex_remove', `with ${deletes.join(', ')} select 1`)
    }
    this.#isRemovalPrepared = true
    await this.#session.run(asReplica('execute ibex_remove'))
  }

  async #refreshViews(): Promise<void> {
    const views = this.#model.views.filter(({ relation }) => relation.kind === 'materialized view')
    for (const { relation } of views) await this.#session.run(`refresh materialized view ${relation.sql}`)
  }
}

/** The script with which the superuser becomes a tenant until the end of the savepoint. */
function actingAs(model: TestModel, tenant: string): string {
  return `${settingsOf(model, tenant)}set local role ${quoteName(model.options.role)}; `
}

function violationOf({ object, kind, statement }: Probe, seen: string): Violation {
  return { object, probe: kind, seen, statement: statement.replaceAll(/\s+/gu, ' '), advice: advice[kind] }
}

/** Says how two outcomes differ; the rows of one that varies by itself are counted only. */
function differenceOf(one: Outcome, other: Outcome, isSteady: boolean): string | undefined {
  if (isSame(one, other, isSteady)) return undefined
  return `${describe(one)} while they have their rows, ${describe(other)} when they have none`
}

function isSame(one: Outcome, other: Outcome, withRows = true): boolean {
  if (errorKey(one) !== errorKey(other) || one.rowCount !== other.rowCount) return false
  if (withRows) return JSON.stringify(one.rows) === JSON.stringify(other.rows)
  return one.rows[0]?.['count'] === other.rows[0]?.['count']
}

function errorKey({ error }: Outcome): string {
  return error === undefined ? '' : `${error.code} ${error.message} ${error.constraint ?? ''}`
}

function describe({ error, rowCount, rows: [row] }: Outcome): string {
  if (error !== undefined)
    return `it fails (${error.code}${error.constraint === undefined ? '' : `, ${error.constraint}`})`
  const count: unknown = row?.['count']
  return typeof count === 'number'
    ? `it gives ${count} rows${row?.['digest'] === undefined ? '' : ' of one content'}`
    : `it takes ${rowCount} rows`
}
