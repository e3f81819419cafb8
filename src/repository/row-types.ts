/** The types at a repository's boundary, made from a `DB` interface as Kysely defines it. */
import type { Expression, ExpressionBuilder, Insertable, Selectable, SqlBool, Updateable } from 'kysely'
import type { DefinitionOf } from './table-definition.ts'

/** The table names of a database, as text. */
export type TableOf<DB> = keyof DB & string

/** A row as it is read. */
export type Row<DB, TB extends TableOf<DB>> = Selectable<DB[TB]>

/** A row as it is inserted; the scope fills in the tenant column, whatever its default. */
export type NewRow<DB, TB extends TableOf<DB>> = Omit<Insertable<DB[TB]>, 'org_id'> & {
  readonly org_id?: string | undefined
}

/** The columns that an update may set: never the tenant or the id. */
export type Patch<DB, TB extends TableOf<DB>> = Omit<Updateable<DB[TB]>, 'org_id' | 'id'>

/** What names one row of a tenant: its `id`, or the other columns of the primary key where the table has no `id`. */
export type RowKey<DB, TB extends TableOf<DB>> =
  Row<DB, TB> extends { readonly id: infer Id } ? Id : Readonly<Partial<Row<DB, TB>>>

/** {@link RowKey} where the table has `deleted_at`; `never` where it has not, so that `softDelete` cannot be called. */
export type SoftDeleteKey<DB, TB extends TableOf<DB>> = 'deleted_at' extends keyof Row<DB, TB>
  ? RowKey<DB, TB>
  : never

/** The columns that cannot be null: what a keyset page may be ordered by. */
export type RequiredColumn<R> = { [C in keyof R]: null extends R[C] ? never : C }[keyof R] & string

/**
 * A column's value, any of several values, or null for `is null`.
 *
 * Arrays, JSON and vectors take one value, for equality: a list of them would read as an array, too. The tuple keeps a
 * union whole, so that `['active', 'paused']` is a list of `'active' | 'paused'`.
 */
export type ColumnFilter<V> = [NonNullable<V>] extends [string | number | bigint | boolean | Date]
  ? V | readonly NonNullable<V>[]
  : V

/** Conditions that must all hold: by column, or as a Kysely expression for anything else. */
export type Filter<DB, TB extends TableOf<DB>> =
  | { readonly [C in keyof Row<DB, TB>]?: ColumnFilter<Row<DB, TB>[C]> }
  | ((eb: ExpressionBuilder<DB, TB>) => Expression<SqlBool>)

/** The order of rows, first column first. */
export type OrderBy<C extends string> = { readonly [K in C]?: 'asc' | 'desc' }

/** What every read takes. */
export interface ReadOptions {
  /** Rows that were soft-deleted too (default false). */
  readonly includeDeleted?: boolean | undefined
}

/** The rows of another table that come with each row: made by `many` and `one` of {@link RelatedBuilder}. */
export interface Relation<V> {
  /** What the property holds; the type's own, no value has it. */
  readonly [held]: V
}

declare const held: unique symbol

/** Relations by the property that holds their rows. */
export type Relations = Readonly<Record<string, Relation<unknown>>>

/** A row with its related rows; the row itself where none were asked for. */
export type RowWith<R, N extends Relations> = [N] extends [never]
  ? R
  : R & { readonly [P in keyof N]: N[P][typeof held] }

/** The names that a relation cannot have: a row has them already. */
export type NoColumns<DB, TB extends TableOf<DB>> = { readonly [C in ColumnOf<DB, TB>]?: never }

/** The name of a column as it is read. */
export type ColumnOf<DB, TB extends TableOf<DB>> = keyof Row<DB, TB> & string

/** The columns of a row that were asked for; the row itself when all of them were. */
export type Picked<DB, TB extends TableOf<DB>, C extends ColumnOf<DB, TB>> =
  ColumnOf<DB, TB> extends C ? Row<DB, TB> : Pick<Row<DB, TB>, C>

/** What a read takes that can bring related rows along. */
export interface RelatedOption<DB, TB extends TableOf<DB>, N extends Relations = never> {
  /**
   * Rows of other tables that come with each row, in the same statement:
   *
   * ```ts
   * related: ({ many, one }) => ({
   *   checkpoints: many(tables['ibex_core.checkpoints'], 'session_id', { orderBy: { turn_index: 'desc' }, limit: 20 }),
   *   agent: one(tables['ibex_core.agents'], 'agent_id'),
   * })
   * ```
   */
  readonly related?: ((builder: RelatedBuilder<DB, TB>) => N & NoColumns<DB, TB>) | undefined
}

/** Says which rows come with a row of `TB`. */
export interface RelatedBuilder<DB, TB extends TableOf<DB>> {
  /** The rows of another table whose `column` holds this row's key: none is an empty list. */
  readonly many: <
    T extends TableOf<DB>,
    C extends ColumnOf<DB, T> = ColumnOf<DB, T>,
    N extends Relations = never,
  >(
    table: DefinitionOf<T>,
    column: ColumnOf<DB, T>,
    options?: ManyOptions<DB, T, C, N>,
  ) => Relation<readonly RowWith<Picked<DB, T, C>, N>[]>
  /** The row of another table whose key this row's `column` holds: null when it holds none, or the row is soft-deleted. */
  readonly one: <
    T extends TableOf<DB>,
    C extends ColumnOf<DB, T> = ColumnOf<DB, T>,
    N extends Relations = never,
  >(
    table: DefinitionOf<T>,
    column: ColumnOf<DB, TB>,
    options?: OneOptions<DB, T, C, N>,
  ) => Relation<RowWith<Picked<DB, T, C>, N> | null>
}

/** The options of `one`. */
export interface OneOptions<
  DB,
  TB extends TableOf<DB>,
  C extends ColumnOf<DB, TB> = ColumnOf<DB, TB>,
  N extends Relations = never,
>
  extends ReadOptions, RelatedOption<DB, TB, N> {
  /** Default: all. A vector is some 4 kB of text: leave it out where nobody looks at it. */
  readonly columns?: readonly C[] | undefined
}

/** The options of `many`. */
export interface ManyOptions<
  DB,
  TB extends TableOf<DB>,
  C extends ColumnOf<DB, TB> = ColumnOf<DB, TB>,
  N extends Relations = never,
> extends OneOptions<DB, TB, C, N> {
  readonly where?: Filter<DB, TB> | undefined
  readonly orderBy?: OrderBy<ColumnOf<DB, TB>> | undefined
  /** Rows of each parent at most (default: all of them). */
  readonly limit?: number | undefined
}

/** The options of `findById`. */
export interface FindByIdOptions<DB, TB extends TableOf<DB>, N extends Relations = never>
  extends ReadOptions, RelatedOption<DB, TB, N> {}

/** The options of `find`. */
export interface FindOptions<DB, TB extends TableOf<DB>, N extends Relations = never>
  extends ReadOptions, RelatedOption<DB, TB, N> {
  readonly where?: Filter<DB, TB> | undefined
  readonly orderBy?: OrderBy<ColumnOf<DB, TB>> | undefined
  /** Rows at most (default: all of them). */
  readonly limit?: number | undefined
}

/** The options of `findPage`. */
export interface PageOptions<DB, TB extends TableOf<DB>, N extends Relations = never>
  extends ReadOptions, RelatedOption<DB, TB, N> {
  readonly where?: Filter<DB, TB> | undefined
  /** Columns that cannot be null; the primary key is added, so that the order is total. Default: by primary key. */
  readonly orderBy?: OrderBy<RequiredColumn<Row<DB, TB>>> | undefined
  /** Rows of a page, 1 to 10,000 (default 50). */
  readonly limit?: number | undefined
  /** `nextCursor` of the page before. */
  readonly after?: string | undefined
}

/** One page of rows, and the cursor of the next one: undefined on the last page. */
export interface Page<R> {
  readonly rows: readonly R[]
  readonly nextCursor: string | undefined
}

/** The options of `upsert`. */
export interface UpsertOptions<DB, TB extends TableOf<DB>> {
  /** The columns of the unique key, without the tenant column, which is added. */
  readonly conflict: readonly (keyof Row<DB, TB> & string)[]
  /** The columns to overwrite (default: all that the row gives and the key does not hold). */
  readonly update?: readonly (keyof Patch<DB, TB> & string)[] | undefined
}
