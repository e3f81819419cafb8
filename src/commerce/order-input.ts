/** An order as it is handed in, and what the database is given of it. */
import type { JsonObject } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import {
  checkObject,
  checkOptionNames,
  checkText,
  checkUuid,
  checkWholeNumber,
} from '../tenancy/arguments.ts'
import { checkMoney, checkSignedMoney } from './money.ts'

/** So many of a product. */
export interface OrderItemInput {
  readonly productId: string
  /** A whole number of at least 1. */
  readonly quantity: number
}

/** What is added to the sum of the items, or taken from it: shipping, a tax, a discount. */
export interface OrderAdjustment {
  /** 1 to 100 characters. */
  readonly label: string
  /** Decimal text; negative for a discount. */
  readonly amount: string
}

/** An order to place. */
export interface OrderInput {
  /** 1 to 100 characters; unique in the organization. */
  readonly orderNumber: string
  /** Left out or null for a guest. */
  readonly userId?: string | null
  /** At least one; each product once. */
  readonly items: readonly OrderItemInput[]
  /** Kept in the order's metadata under the same name. */
  readonly adjustments?: readonly OrderAdjustment[]
  /** Decimal text: what the buyer was told. Another total is refused. */
  readonly expectedTotal?: string
  /** Shipping, payment and the like; not `adjustments`. */
  readonly metadata?: JsonObject
}

/** An order that passed every check. */
export interface CheckedOrder {
  readonly orderNumber: string
  readonly userId: string | null
  readonly productIds: readonly string[]
  readonly quantities: readonly number[]
  readonly amounts: readonly string[]
  readonly expectedTotal: string | null
  readonly metadata: JsonObject
}

const known: ReadonlySet<string> = new Set<keyof OrderInput>([
  'orderNumber',
  'userId',
  'items',
  'adjustments',
  'expectedTotal',
  'metadata',
])

/**
 * Checks an order.
 *
 * @throws {InvalidArgumentError} which names what is wrong: an id, a quantity, an amount, a product that is there twice.
 */
export function checkOrder(input: OrderInput): CheckedOrder {
  checkOptionNames('option', input, known)
  const { userId = null, adjustments = [], expectedTotal } = input
  return {
    orderNumber: checkText('orderNumber', input.orderNumber, { least: 1, most: 100 }),
    userId: userId === null ? null : checkUuid('userId', userId),
    ...checkItems(input.items),
    amounts: checkAdjustments(adjustments),
    expectedTotal: expectedTotal === undefined ? null : checkMoney('expectedTotal', expectedTotal),
    metadata: withAdjustments(checkObject('metadata', input.metadata ?? {}), adjustments),
  }
}

function checkItems(items: readonly OrderItemInput[]): Pick<CheckedOrder, 'productIds' | 'quantities'> {
  if (!Array.isArray(items) || items.length === 0)
    throw new InvalidArgumentError('items', 'must be an array of at least one item')
  const productIds = items.map((item, index) =>
    checkUuid(`items[${index}].productId`, item?.productId).toLowerCase(),
  )
  if (new Set(productIds).size < productIds.length)
    throw new InvalidArgumentError('items', 'name a product twice: add up its quantities')
  return {
    productIds,
    quantities: items.map((item, index) =>
      checkWholeNumber(`items[${index}].quantity`, item.quantity, 1, 2_147_483_647),
    ),
  }
}

function checkAdjustments(adjustments: readonly OrderAdjustment[]): readonly string[] {
  if (!Array.isArray(adjustments)) throw new InvalidArgumentError('adjustments', 'must be an array')
  return adjustments.map((adjustment, index) => {
    checkText(`adjustments[${index}].label`, adjustment?.label, { least: 1, most: 100 })
    return checkSignedMoney(`adjustments[${index}].amount`, adjustment.amount)
  })
}

function withAdjustments(metadata: JsonObject, adjustments: readonly OrderAdjustment[]): JsonObject {
  if ('adjustments' in metadata)
    throw new InvalidArgumentError('metadata', 'must not hold "adjustments": pass them as adjustments')
  if (adjustments.length === 0) return metadata
  return { ...metadata, adjustments: adjustments.map(({ label, amount }) => ({ label, amount })) }
}
