/** The types at a repository's boundary, made from a `DB` interface as Kysely defines it. */
import type { Expression, ExpressionBuilder, Insertable, Selectable, SqlBool, Updateable } from 'kysely'

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
export type Order<C extends string> = { readonly [K in C]?: 'asc' | 'desc' }

/** What every read takes. */
export interface ReadOptions {
  /** Rows that were soft-deleted too (default false). */
  readonly includeDeleted?: boolean | undefined
}

/** The options of `find`. */
export interface FindOptions<DB, TB extends TableOf<DB>> extends ReadOptions {
  readonly where?: Filter<DB, TB> | undefined
  readonly orderBy?: Order<keyof Row<DB, TB> & string> | undefined
  /** Rows at most (default: all of them). */
  readonly limit?: number | undefined
}

/** The options of `findPage`. */
export interface PageOptions<DB, TB extends TableOf<DB>> extends ReadOptions {
  readonly where?: Filter<DB, TB> | undefined
  /** Columns that cannot be null; the primary key is added, so that the order is total. Default: by primary key. */
  readonly orderBy?: Order<RequiredColumn<Row<DB, TB>>> | undefined
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
