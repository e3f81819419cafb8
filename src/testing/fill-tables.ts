/** Rows of two tenants in every table, made from the catalog. */
import { columnSlots, foreignKeySlot, tenantId } from './column-slots.ts'
import type { RowPlace } from './column-slots.ts'
import { ownedBy, settingsOf, tableOf, tenantTablesOf } from './model.ts'
import type { TestModel, TestTable } from './model.ts'
import { RowDraft, columnsOfError } from './row-draft.ts'
import type { Slot, SlotOption } from './row-draft.ts'
import type { OutcomeError, TestSession } from './session.ts'
import { quoteName } from './sql-text.ts'
import { insertSql } from './stored-row.ts'
import type { FilledDatabase, StoredRow, UnfilledTable } from './stored-row.ts'
import type { Owner } from './value-candidates.ts'

/** Fills every table of the model, two rows a tenant where the keys allow them. */
export async function fillTables(session: TestSession, model: TestModel): Promise<FilledDatabase> {
  const filler = new TableFiller(session, model)
  for (const table of model.tables) await filler.fill(table)
  return await filler.result()
}

const rowsPerTenant = 2
const triesPerRow = 400

class TableFiller {
  readonly #session: TestSession
  readonly #model: TestModel
  readonly #tenants: Readonly<Record<'mine' | 'theirs', string>>
  readonly #refusals: Map<string, string> = new Map()
  /** What rows were inserted with, by table and primary key. */
  readonly #given: Map<string, string> = new Map()

  constructor(session: TestSession, model: TestModel) {
    this.#session = session
    this.#model = model
    this.#tenants = { mine: tenantId(model, 'mine'), theirs: tenantId(model, 'theirs') }
  }

  async fill(table: TestTable): Promise<void> {
    if (table.kind === 'shared') {
      const [row] = await this.#parents(table, [], undefined)
      if (row !== undefined) return
    }
    const owners: readonly Owner[] = table.kind === 'shared' ? ['shared'] : ['mine', 'theirs']
    for (const owner of owners) {
      for (let number = 1; number <= rowsPerTenant; number += 1) {
        const refusal = await this.#insertRow(table, owner, number)
        if (refusal !== undefined && number === 1) this.#refusals.set(`${table.name} ${owner}`, refusal)
      }
    }
  }

  async result(): Promise<FilledDatabase> {
    const rows = new Map<string, Readonly<Record<'mine' | 'theirs', readonly StoredRow[]>>>()
    const unfilled: UnfilledTable[] = []
    for (const table of tenantTablesOf(this.#model)) {
      const [mine, theirs] = [await this.#stored(table, 'mine'), await this.#stored(table, 'theirs')]
      rows.set(table.relation.id, { mine, theirs })
      if (mine.length > 0 && theirs.length > 0) continue
      const owner = mine.length === 0 ? 'mine' : 'theirs'
      unfilled.push({
        table: table.name,
        reason: this.#refusals.get(`${table.name} ${owner}`) ?? 'no row stays',
      })
    }
    return { ...this.#tenants, rows, unfilled }
  }

  async #stored(table: TestTable, owner: 'mine' | 'theirs'): Promise<readonly StoredRow[]> {
    const columns = table.columns.map(({ name }) => `ibex_row.${quoteName(name)}::text as ${quoteName(name)}`)
    const rows = await this.#session.run<StoredRow>(
      `select ${columns.join(', ')}, ibex_row.ctid::text as " ctid", ibex_row.tableoid::text as " tableoid"
      from ${table.relation.sql} as ibex_row where ${ownedBy(this.#model, table, 'ibex_row', this.#tenants[owner])}
      order by ibex_row.tableoid, ibex_row.ctid limit 20`,
    )
    return rows.map((row) => Object.assign(row, { ' given': this.#given.get(keyOf(table, row)) ?? null }))
  }

  /** Inserts a row; returns why it is not there. */
  async #insertRow(table: TestTable, owner: Owner, number: number): Promise<string | undefined> {
    const tenant = owner === 'shared' ? undefined : this.#tenants[owner]
    const slots = await this.#slots({ model: this.#model, table, owner, tenant, number })
    const orphaned = slots.find(({ missing }) => missing !== undefined)
    if (orphaned !== undefined) return `${orphaned.missing ?? ''}, to which it must refer, has no rows`
    const draft = new RowDraft(slots)
    for (let tries = 0; ; tries += 1) {
      const error = await this.#try(table, draft.values, tenant)
      if (error === undefined) return undefined
      const columns = columnsOfError(error, draft, (name) => columnsOfConstraint(table, name))
      if (tries === triesPerRow || !draft.advance(columns)) return `${error.message} (${error.code})`
    }
  }

  async #try(
    table: TestTable,
    values: SlotOption,
    tenant: string | undefined,
  ): Promise<OutcomeError | undefined> {
    // triggers and defaults ask who the tenant is
    const before = `savepoint ibex_fill; ${tenant === undefined ? '' : settingsOf(this.#model, tenant)}`
    const key = table.primaryKey.map((name) => `${quoteName(name)}::text as ${quoteName(name)}`)
    const statement = `${insertSql(table, values)} returning ${[...key, '1 as " found"'].join(', ')}`
    const { error, rows } = await this.#session.attempt(before, statement)
    await this.#session.run(
      `${error === undefined ? '' : 'rollback to savepoint ibex_fill; '}release savepoint ibex_fill`,
    )
    const [row] = rows
    // the statement selects texts
    if (row !== undefined) this.#given.set(keyOf(table, row as StoredRow), JSON.stringify(values))
    return error
  }

  async #slots(place: RowPlace): Promise<readonly Slot[]> {
    const { slots, foreignKeys } = columnSlots(place)
    const referring: Slot[] = []
    for (const [shift, key] of foreignKeys.entries()) {
      const table = tableOf(this.#model, key.target)
      if (table === undefined) continue
      const columns = key.pairs.map(({ targetColumn }) => targetColumn)
      const rows = await this.#parents(table, columns, place.tenant)
      referring.push(foreignKeySlot(place, key, { rows, table, shift }))
    }
    return [...slots, ...referring]
  }

  /** Rows to refer to: the tenant's own, or any of a shared table. */
  async #parents(
    table: TestTable,
    columns: readonly string[],
    tenant: string | undefined,
  ): Promise<readonly StoredRow[]> {
    const owned =
      table.kind === 'shared' || tenant === undefined
        ? 'true'
        : ownedBy(this.#model, table, 'ibex_row', tenant)
    const texts = columns.map((name) => `ibex_row.${quoteName(name)}::text as ${quoteName(name)}`)
    return await this.#session.run<StoredRow>(
      `select ${[...texts, '1 as " found"'].join(', ')} from ${table.relation.sql} as ibex_row where ${owned}
      order by ${[...columns.map((name) => `ibex_row.${quoteName(name)}`), '1'].join(', ')} limit 6`,
    )
  }
}

function keyOf({ name, primaryKey }: TestTable, row: StoredRow): string {
  return JSON.stringify([name, ...primaryKey.map((column) => row[column] ?? null)])
}

function columnsOfConstraint(table: TestTable, name: string): readonly string[] | undefined {
  if (name === '') return table.facts?.partitionKey
  const foreignKey = table.foreignKeys.find(({ constraint }) => constraint.name === name)
  const check = table.checks.find((constraint) => constraint.name === name)
  // a partition has a key of its own name; then the error says only that it is one
  const key = table.keys.find((each) => each.name === name)
  return foreignKey?.constraint.columns ?? check?.columns ?? key?.columns
}
