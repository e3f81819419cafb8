/** The generic repository: reads and writes of one table within one tenant. */
import { sql } from 'kysely'
import type {
  CompiledQuery,
  DeleteQueryBuilder,
  DeleteResult,
  Kysely,
  SelectQueryBuilder,
  UpdateQueryBuilder,
  UpdateResult,
  RawBuilder,
  SqlBool,
} from 'kysely'
import {
  InvalidArgumentError,
  InvalidColumnError,
  MissingTenantError,
  RowNotFoundError,
  UniqueViolationError,
} from '../errors.ts'
import { checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import { withKeptPlan } from '../tenancy/query-settings.ts'
import { Scope } from '../tenancy/scope.ts'
import { bulkInsertQuery, groupRows } from './bulk-insert.ts'
import { checkKeyValue, patchToUpdate, rowToInsert, upsertColumns } from './column-values.ts'
import type { Values } from './column-values.ts'
import { columnOf, filterConditions, rowConditions, tenantConditions, whereAll } from './filter.ts'
import type { UntypedFilter } from './filter.ts'
import { orderQuery, orderTerms, readPage, totalOrder } from './keyset-page.ts'
import type { OneTable, AnyQuery } from './keyset-page.ts'
import { readRelated } from './related-rows.ts'
import type { UntypedRelated } from './relation.ts'
import { insertStatement, updateStatement } from './row-statements.ts'
import type { RowTarget } from './row-statements.ts'
import type {
  Filter,
  FindByIdOptions,
  FindOptions,
  NewRow,
  Page,
  PageOptions,
  Patch,
  ReadOptions,
  RelatedOption,
  Relations,
  Row,
  RowKey,
  RowWith,
  SoftDeleteKey,
  TableOf,
  UpsertOptions,
} from './row-types.ts'
import { keyColumns } from './table-definition.ts'
import type { DefinitionOf, TableDefinition } from './table-definition.ts'

/**
 * Reads and writes the rows of one table within one tenant.
 *
 * It serves any table with a {@link DefinitionOf definition}, a user's own included:
 *
 * ```ts
 * class NoteRepository extends BaseRepository<DB, 'public.notes'> {
 *   constructor(scope: Scope<DB>) {
 *     super(scope, notes)
 *   }
 * }
 * ```
 *
 * Every statement names the tenant itself, beside the policy: right estimates, partitions pruned, and a second line of
 * defence. Soft-deleted rows are left out of every read unless `includeDeleted` says otherwise. A row of another tenant
 * looks exactly like a missing one. Repositories never commit: use them inside `transaction` for more than one statement.
 */
export class BaseRepository<DB, TB extends TableOf<DB>> {
  protected readonly scope: Scope<DB>
  protected readonly table: DefinitionOf<TB>
  /**
   * True for a table in partitions: the server takes the plan of one of them to be cheaper than that of all, and would plan
   * each read by id anew, which takes twice as long as reading. With `true` it keeps the plan.
   */
  protected readonly isPartitioned: boolean = false
  readonly #db: Kysely<OneTable>
  readonly #name: 'row'

  /** @throws {MissingTenantError} when `scope` is anything else than a scope, which only untyped code can do. */
  constructor(scope: Scope<DB>, table: DefinitionOf<TB>) {
    if (!(scope instanceof Scope)) throw new MissingTenantError()
    this.scope = scope
    this.table = table
    // Kysely cannot type a table that is a type parameter. Inside, there is one table whose columns are plain text;
    // outside, the signatures below are exact. These are the casts between the two.
    this.#db = scope.db as unknown as Kysely<OneTable>
    this.#name = table.name as string as 'row'
  }

  /**
   * Reads the row with this id, or `undefined` when the tenant has no such row.
   *
   * ```sql
   * select * from "ibex_core"."agents" where "org_id" = $1 and "id" = $2 and "deleted_at" is null
   * ```
   *
   * @throws {InvalidArgumentError} when the id is missing, or no uuid where the column is one.
   */
  async findById<N extends Relations = never>(
    key: RowKey<DB, TB>,
    options: FindByIdOptions<DB, TB, N> = {},
  ): Promise<RowWith<Row<DB, TB>, N> | undefined> {
    if (options.related !== undefined) {
      const query = whereAll(this.#select(options), this.#keyConditions(key))
      return this.#rows<N>(await this.#read(query, options))[0]
    }
    const { tenantColumn } = this.table
    const values = keyValues(this.table, key)
    const parameters = tenantColumn === null ? values : [this.scope.orgId, ...values]
    const { rows } = await this.#db.executeQuery<Record<string, unknown>>({
      ...this.#findByIdQuery(options),
      parameters,
    })
    return this.#rows<N>(rows)[0]
  }

  /**
   * Reads the row with this id.
   *
   * @throws {RowNotFoundError} when the tenant has no such row.
   */
  async findByIdOrThrow<N extends Relations = never>(
    key: RowKey<DB, TB>,
    options: FindByIdOptions<DB, TB, N> = {},
  ): Promise<RowWith<Row<DB, TB>, N>> {
    const row = await this.findById(key, options)
    if (row === undefined) throw new RowNotFoundError(this.table.name)
    return row
  }

  /** Reads the first row that matches, in the order given, or `undefined`. */
  async findOne<N extends Relations = never>(
    where: Filter<DB, TB>,
    options: Omit<FindOptions<DB, TB, N>, 'where' | 'limit'> = {},
  ): Promise<RowWith<Row<DB, TB>, N> | undefined> {
    const rows = await this.find({ ...options, where, limit: 1 })
    return rows[0]
  }

  /**
   * Reads all rows that match.
   *
   * ```ts
   * await tenant.agents.find({ where: { status: ['active', 'paused'] }, orderBy: { created_at: 'desc' }, limit: 20 })
   * ```
   *
   * ```sql
   * select * from "ibex_core"."agents" where "org_id" = $1 and "deleted_at" is null and "status" = any($2)
   * order by "created_at" desc limit $3
   * ```
   *
   * `related` brings rows of other tables along, in the same statement and with the same types:
   *
   * ```ts
   * const [agent] = await tenant.agents.find({
   *   related: ({ many, one }) => ({
   *     sessions: many(tables['ibex_core.sessions'], 'agent_id', { orderBy: { created_at: 'desc' }, limit: 5 }),
   *     creator: one(tables['ibex_core.users'], 'created_by', { columns: ['email'] }),
   *   }),
   * })
   * agent?.sessions[0]?.created_at   // a Date
   * agent?.creator?.email            // creator is null where nobody is named, or the user was soft-deleted
   * ```
   *
   * @throws {InvalidArgumentError} when a filter is undefined: in SQL it would silently find nothing; or when a relation has
   *   the name of a column, or is not made by `many` or `one`.
   */
  async find<N extends Relations = never>(
    options: FindOptions<DB, TB, N> = {},
  ): Promise<RowWith<Row<DB, TB>, N>[]> {
    checkOptionNames('option', options, findOptions)
    let query = orderQuery(
      this.table,
      this.#filtered(options.where, options),
      orderTerms(this.table, options.orderBy),
    )
    if (options.limit !== undefined) query = query.limit(checkWholeNumber('limit', options.limit, 0))
    return this.#rows<N>(await this.#read(query, options))
  }

  /**
   * Reads one page of the rows that match; pass `nextCursor` as `after` for the next one.
   *
   * Keyset pages: no row is skipped or seen twice when others are inserted meanwhile, and the last page costs what the
   * first one does. A cursor belongs to its filter, order and tenant.
   *
   * ```sql
   * select *, … from "ibex_core"."sessions" where "org_id" = $1 and "deleted_at" is null
   * and ("created_at", "id") < ($2, $3) order by "created_at" desc, "id" desc limit $4
   * ```
   *
   * @throws {InvalidCursorError} when the cursor was altered, or comes from another query or tenant.
   */
  async findPage<N extends Relations = never>(
    options: PageOptions<DB, TB, N> = {},
  ): Promise<Page<RowWith<Row<DB, TB>, N>>> {
    checkOptionNames('option', options, pageOptions)
    const order = totalOrder(this.table, orderTerms(this.table, options.orderBy))
    const page = await readPage({
      read: async (query) => await this.#read(query, options),
      orgId: this.scope.orgId,
      table: this.table,
      query: this.#filtered(options.where, options),
      order,
      limit: options.limit ?? 50,
      after: options.after,
    })
    return { rows: this.#rows<N>(page.rows), nextCursor: page.nextCursor }
  }

  /** Counts the rows that match. */
  async count(where?: Filter<DB, TB>, options: ReadOptions = {}): Promise<number> {
    const query = this.#filtered(where, options)
      .clearSelect()
      .select(sql<string>`count(*)`.as('count'))
    const [row] = await query.execute()
    return Number(row?.['count'] ?? 0)
  }

  /** Tells whether any row matches. */
  async exists(where?: Filter<DB, TB>, options: ReadOptions = {}): Promise<boolean> {
    const query = this.#filtered(where, options)
      .clearSelect()
      .select(sql<number>`1`.as('found'))
      .limit(1)
    return (await query.execute()).length > 0
  }

  /**
   * Inserts a row and returns it with its defaults filled in.
   *
   * ```sql
   * insert into "ibex_core"."agents" ("name", "slug", "org_id") values ($1, $2, $3) returning *
   * ```
   *
   * @throws {UniqueViolationError} when a row of the same tenant has the same key.
   * @throws {ForeignKeyViolationError} when it refers to a row that this tenant does not have.
   * @throws {UnknownOrganizationError} when the tenant's organization does not exist.
   */
  async insert(row: NewRow<DB, TB>): Promise<Row<DB, TB>> {
    const values = rowToInsert(this.table, row, this.scope.orgId)
    const { rows } = await this.#db.executeQuery(insertStatement(this.#target(), values))
    return this.#first(rows)
  }

  /**
   * Inserts many rows and returns them in the same order: all or none.
   *
   * One array parameter a column, so neither 65,535 values nor the statement's length are a limit.
   *
   * ```sql
   * insert into "ibex_core"."agents" ("name", "org_id") select … from unnest($1::text[], $2::uuid[]) … returning *
   * ```
   *
   * @throws as {@link insert}.
   */
  async insertMany(rows: readonly NewRow<DB, TB>[]): Promise<Row<DB, TB>[]> {
    const groups = groupRows(rows.map((row) => rowToInsert(this.table, row, this.scope.orgId)))
    const inserted: Record<string, unknown>[] = Array.from({ length: rows.length })
    const run = async (db: Kysely<OneTable>): Promise<void> => {
      for (const group of groups) {
        const result = await bulkInsertQuery<Record<string, unknown>>(this.table, group).execute(db)
        for (const [index, row] of result.rows.entries()) inserted[group.positions[index] ?? index] = row
      }
    }
    if (groups.length > 1)
      await this.scope.atomically(async ({ db }) => await run(db as unknown as Kysely<OneTable>))
    else await run(this.#db)
    return this.#rows(inserted)
  }

  /**
   * Inserts a row, or updates the one with the same unique key, and returns it.
   *
   * ```sql
   * insert into "ibex_core"."agents" (…) values (…) on conflict ("org_id", "slug") do update set "name" = excluded."name" returning *
   * ```
   *
   * The key is a unique constraint, or a unique index over all or over the living rows.
   *
   * @throws {InvalidArgumentError} when the conflict names no column, or `update` one that the row does not give.
   * @throws {UniqueViolationError} when a soft-deleted row has the key: it is neither changed nor brought back unasked.
   */
  async upsert(row: NewRow<DB, TB>, options: UpsertOptions<DB, TB>): Promise<Row<DB, TB>> {
    const { tenantColumn, softDeleteColumn } = this.table
    const values = rowToInsert(this.table, row, this.scope.orgId)
    const { conflict, updated } = upsertColumns(this.table, values, options)
    // an update that changes nothing still returns the row, which "do nothing" would not
    const columns =
      updated.length > 0 ? updated : conflict.filter((column) => column !== tenantColumn).slice(0, 1)
    const changes = Object.fromEntries(columns.map((column) => [column, sql.ref(`excluded.${column}`)]))
    const rows = await this.#db
      .insertInto(this.#name)
      .values(values)
      .onConflict((oc) => {
        const key = oc.columns(conflict)
        if (softDeleteColumn === null) return key.doUpdateSet(changes)
        // what is unique among the living rows is found with the first predicate, what is unique among all without it
        const isLiving = sql<SqlBool>`${columnOf(this.table, softDeleteColumn)} is null`
        return key.where(softDeleteColumn, 'is', null).doUpdateSet(changes).where(isLiving)
      })
      .returningAll()
      .execute()
    if (rows.length === 0) throw softDeletedKey(this.table)
    return this.#first(rows)
  }

  /**
   * Updates the row with this id and returns it, or `undefined` when the tenant has no such row.
   *
   * An empty patch reads the row and writes nothing; a key that is undefined counts as left out.
   *
   * ```sql
   * update "ibex_core"."agents" set "name" = $1 where "org_id" = $2 and "id" = $3 and "deleted_at" is null returning *
   * ```
   *
   * @throws {InvalidColumnError} when the patch names a column that does not exist or cannot be updated.
   * @throws {UniqueViolationError} when the patch collides with another row of the same tenant.
   */
  async update(
    key: RowKey<DB, TB>,
    patch: Patch<DB, TB>,
    options: ReadOptions = {},
  ): Promise<Row<DB, TB> | undefined> {
    const values = patchToUpdate(this.table, patch)
    if (Object.keys(values).length === 0) return await this.findById(key, options)
    return await this.#update(key, values, options.includeDeleted === true ? 'any' : 'living')
  }

  /** Marks the row as deleted and returns it, or `undefined` when the tenant has no such living row. */
  async softDelete(key: SoftDeleteKey<DB, TB>): Promise<Row<DB, TB> | undefined> {
    return await this.#update(key, { [this.#softDeleteColumn()]: sql`now()` }, 'living')
  }

  /** Brings a soft-deleted row back and returns it, or `undefined` when the tenant has no such deleted row. */
  async restore(key: SoftDeleteKey<DB, TB>): Promise<Row<DB, TB> | undefined> {
    return await this.#update(key, { [this.#softDeleteColumn()]: null }, 'deleted')
  }

  /** Deletes the row for good, soft-deleted or not, and tells whether there was one. */
  async delete(key: RowKey<DB, TB>): Promise<boolean> {
    const conditions = [...tenantConditions(this.table, this.scope.orgId), ...this.#keyConditions(key)]
    const query = whereAll(this.#db.deleteFrom(this.#name), conditions)
    const { numDeletedRows } = await query.executeTakeFirst()
    return numDeletedRows > 0n
  }

  /** A select of this table that already carries the tenant and leaves out soft-deleted rows. */
  protected selectQuery(options: ReadOptions = {}): SelectQueryBuilder<DB, TB, object> {
    // the same query, typed for the subclass, which knows its table
    return this.#select(options).clearSelect() as unknown as SelectQueryBuilder<DB, TB, object>
  }

  /** An update of this table that already carries the tenant and leaves out soft-deleted rows. */
  protected updateQuery(options: ReadOptions = {}): UpdateQueryBuilder<DB, TB, TB, UpdateResult> {
    const query = whereAll(this.#db.updateTable(this.#name), this.#conditions(options))
    return query as unknown as UpdateQueryBuilder<DB, TB, TB, UpdateResult>
  }

  /** A delete from this table that already carries the tenant and leaves out soft-deleted rows. */
  protected deleteQuery(options: ReadOptions = {}): DeleteQueryBuilder<DB, TB, DeleteResult> {
    const query = whereAll(this.#db.deleteFrom(this.#name), this.#conditions(options))
    return query as unknown as DeleteQueryBuilder<DB, TB, DeleteResult>
  }

  #select(options: ReadOptions): AnyQuery {
    return whereAll(this.#db.selectFrom(this.#name).selectAll(), this.#conditions(options))
  }

  /** The most frequent query of all is compiled once per table; only its parameters change. */
  #findByIdQuery(options: ReadOptions): CompiledQuery<Record<string, unknown>> {
    const cache = options.includeDeleted === true ? anyById : livingById
    let query = cache.get(this.table)
    if (query === undefined) {
      const conditions = keyColumns(this.table).map(
        (column) => sql<SqlBool>`${columnOf(this.table, column)} = ${null}`,
      )
      const compiled = whereAll(this.#select(options), conditions).compile()
      query = this.isPartitioned
        ? withKeptPlan(compiled, { plan_cache_mode: 'force_generic_plan' })
        : compiled
      cache.set(this.table, query)
    }
    return query
  }

  /** Runs a query, with the related rows that the options ask for. */
  async #read<N extends Relations>(
    query: AnyQuery,
    { related }: RelatedOption<DB, TB, N>,
  ): Promise<readonly Record<string, unknown>[]> {
    if (related === undefined) return await query.execute()
    // inside, a function that asks for the relations of any table
    const untyped = related as unknown as UntypedRelated
    return await readRelated({ db: this.#db, orgId: this.scope.orgId, table: this.table }, query, untyped)
  }

  #filtered(where: Filter<DB, TB> | undefined, options: ReadOptions): AnyQuery {
    return whereAll(this.#select(options), filterConditions(this.table, where as UntypedFilter | undefined))
  }

  async #update(
    key: RowKey<DB, TB>,
    values: Values,
    which: 'living' | 'deleted' | 'any',
  ): Promise<Row<DB, TB> | undefined> {
    const query = updateStatement(this.#target(), values, { key: keyValues(this.table, key), which })
    const { rows } = await this.#db.executeQuery(query)
    const [row] = rows
    return row as Row<DB, TB> | undefined
  }

  #target(): RowTarget {
    return { db: this.#db, table: this.table, orgId: this.scope.orgId }
  }

  #conditions(options: ReadOptions): RawBuilder<SqlBool>[] {
    return rowConditions(this.table, this.scope.orgId, options)
  }

  #keyConditions(key: RowKey<DB, TB>): RawBuilder<SqlBool>[] {
    const values = keyValues(this.table, key)
    return keyColumns(this.table).map(
      (column, index) => sql<SqlBool>`${columnOf(this.table, column)} = ${values[index]}`,
    )
  }

  #softDeleteColumn(): string {
    const { softDeleteColumn, name } = this.table
    if (softDeleteColumn !== null) return softDeleteColumn
    throw new InvalidColumnError(name, 'deleted_at', 'does not exist: use delete')
  }

  #first(rows: readonly Record<string, unknown>[]): Row<DB, TB> {
    const [row] = rows
    if (row === undefined) throw new RowNotFoundError(this.table.name)
    return row as Row<DB, TB>
  }

  #rows<N extends Relations = never>(rows: readonly Record<string, unknown>[]): RowWith<Row<DB, TB>, N>[] {
    // the columns of the table, as the types generated from it say, and what the relations say
    return rows as RowWith<Row<DB, TB>, N>[]
  }
}

function softDeletedKey({ name }: TableDefinition): UniqueViolationError {
  return new UniqueViolationError(
    `a soft-deleted row in "${name}" has the same key: restore it, or delete it for good`,
    { sqlState: '23505' },
  )
}

type CompiledQueries = WeakMap<TableDefinition, CompiledQuery<Record<string, unknown>>>

const livingById: CompiledQueries = new WeakMap()
const anyById: CompiledQueries = new WeakMap()

const findOptions: ReadonlySet<string> = new Set<keyof FindOptions<OneTable, 'row'>>([
  'where',
  'orderBy',
  'limit',
  'includeDeleted',
  'related',
])
const pageOptions: ReadonlySet<string> = new Set<keyof PageOptions<OneTable, 'row'>>([
  'where',
  'orderBy',
  'limit',
  'includeDeleted',
  'after',
  'related',
])

/** The values of a key, in the order of its columns. */
function keyValues(table: TableDefinition, key: unknown): unknown[] {
  const columns = keyColumns(table)
  const isObject = typeof key === 'object' && key !== null
  if (!isObject && columns.length > 1) {
    throw new InvalidArgumentError('key', `of "${table.name}" must be an object of ${columns.join(', ')}`)
  }
  return columns.map((column) => checkKeyValue(table, column, isObject ? (key as Values)[column] : key))
}
