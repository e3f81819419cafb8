/** What an organization sells. */
import type { DB, Product } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InsufficientInventoryError, InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'

/** The limit of `inventory_quantity`, an integer. */
const maxQuantity = 2_147_483_647

/** Reads and writes products and their inventory. */
export class ProductRepository extends BaseRepository<DB, 'ibex_core.products'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.products'])
  }

  /** Reads the product with this stock-keeping unit, or `undefined`. */
  async findBySku(sku: string): Promise<Product | undefined> {
    return await this.findOne({ sku })
  }

  /**
   * Adds to the inventory of a product, or takes from it where `by` is negative, and returns the product.
   *
   * One statement: of any number of concurrent callers only as many take something as there is.
   *
   * ```sql
   * update "ibex_core"."products" set "inventory_quantity" = "inventory_quantity" + $1
   * where "org_id" = $2 and "deleted_at" is null and "id" = $3 and "inventory_quantity" >= $4 returning *
   * ```
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or `by` is 0 or no whole number.
   * @throws {InsufficientInventoryError} when it holds less than is taken.
   * @throws {RowNotFoundError} when the tenant has no such product.
   */
  async adjustInventory(id: string, by: number): Promise<Product> {
    checkWholeNumber('by', by, -maxQuantity, maxQuantity)
    if (by === 0) throw new InvalidArgumentError('by', 'must not be 0')
    const product = await this.updateQuery()
      .set((eb) => ({ inventory_quantity: eb('inventory_quantity', '+', by) }))
      .where('id', '=', checkUuid('id', id))
      .where('inventory_quantity', '>=', Math.max(0, -by))
      .returningAll()
      .executeTakeFirst()
    if (product !== undefined) return product
    if (await this.exists({ id })) throw new InsufficientInventoryError()
    throw new RowNotFoundError(this.table.name)
  }
}
