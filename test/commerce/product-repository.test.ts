import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  DataExceptionError,
  InsufficientInventoryError,
  InvalidArgumentError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { Product } from '../../types/database.d.ts'
import { insertProduct } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let foreign: Product
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await insertProduct(tenants.admin, { org_id: tenants.theirs.orgId, sku: 'shared-sku' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.products')
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.products.exists({ id: foreign.id }, { includeDeleted: true })).toBe(false)
}

async function newProduct(values: Partial<Product> = {}): Promise<Product> {
  return await insertProduct(tenants.admin, { org_id: tenants.mine.orgId, ...values })
}

test('finds a living product by its stock-keeping unit, whatever other tenants have', async () => {
  const { products } = tenants.mine
  expect(await products.findBySku('shared-sku')).toBeUndefined()
  const product = await newProduct({ sku: 'shared-sku' })
  expect(await products.findBySku('shared-sku')).toEqual(product)
  expect(await products.findBySku('SHARED-SKU')).toBeUndefined()

  const again = await failure(
    async () => await products.insert({ sku: 'shared-sku', name: 'A', price: '1.00' }),
  )
  expect(again).toBeInstanceOf(UniqueViolationError)
  await products.softDelete(product.id)
  expect(await products.findBySku('shared-sku')).toBeUndefined()
})

test('inserts a product with what is given, and defaults for the rest', async () => {
  const product = await tenants.mine.products.insert({ sku: 'bare', name: 'A glass', price: '9.9' })
  expect(product).toMatchObject({
    org_id: tenants.mine.orgId,
    price: '9.90',
    inventory_quantity: 0,
    status: 'draft',
    tags: [],
    metadata: {},
  })
})

test('restocks a product and takes from it, down to nothing', async () => {
  const { products } = tenants.mine
  const { id } = await newProduct({ inventory_quantity: 3 })
  expect(await products.adjustInventory(id, 2)).toMatchObject({ id, inventory_quantity: 5 })
  expect(await products.adjustInventory(id, -5)).toMatchObject({ id, inventory_quantity: 0 })
  expect(await products.findById(id)).toMatchObject({ inventory_quantity: 0 })
})

test('takes nothing when there is less, and says no amount', async () => {
  const { products } = tenants.mine
  const { id } = await newProduct({ inventory_quantity: 47 })
  const error = await failure(async () => await products.adjustInventory(id, -4_711))
  expect(error).toBeInstanceOf(InsufficientInventoryError)
  expect(error).toMatchObject({ code: 'insufficient_inventory', isRetryable: false, positions: [] })
  expect(JSON.stringify(shown(error))).not.toContain('47')
  expect(await products.findById(id)).toMatchObject({ inventory_quantity: 47 })
})

test('leaves the transaction usable when there is less', async () => {
  const { id } = await newProduct({ inventory_quantity: 1 })
  await tenants.mine.transaction(async (trx) => {
    const error = await failure(async () => await trx.products.adjustInventory(id, -2))
    expect(error).toBeInstanceOf(InsufficientInventoryError)
    await trx.products.adjustInventory(id, -1)
  })
  expect(await tenants.mine.products.findById(id)).toMatchObject({ inventory_quantity: 0 })
})

test('says the same of a product of another tenant, a deleted one and an unknown one', async () => {
  const { products } = tenants.mine
  const { id } = await newProduct()
  await products.softDelete(id)
  for (const each of [foreign.id, id, randomUUID()]) {
    for (const by of [1, -1, -1_000_000]) {
      const error = await failure(async () => await products.adjustInventory(each, by))
      expect(shown(error)).toEqual(shown(new RowNotFoundError('ibex_core.products')))
    }
  }
})

test('refuses to restock beyond what an integer holds, and adds nothing', async () => {
  const { products } = tenants.mine
  const { id } = await newProduct({ inventory_quantity: 1 })
  const error = await failure(async () => await products.adjustInventory(id, 2_147_483_647))
  expect(error).toBeInstanceOf(DataExceptionError)
  expect(await products.findById(id)).toMatchObject({ inventory_quantity: 1 })
})

test.each([
  0,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2_147_483_648,
  -2_147_483_648,
  '1',
  1n,
  null,
  undefined,
])('throws before any SQL when the inventory is changed by %s', async (by) => {
  const adjust = async (): Promise<unknown> =>
    await tenants.mine.products.adjustInventory(foreign.id, by as number)
  expect(await refusal(tenants, adjust)).toBeInstanceOf(InvalidArgumentError)
})

test.each(['', 'sku-1', null, undefined])('throws before any SQL when the id is %j', async (id) => {
  const adjust = async (): Promise<unknown> => await tenants.mine.products.adjustInventory(id as string, 1)
  expect(await refusal(tenants, adjust)).toMatchObject({ name: 'InvalidArgumentError', argument: 'id' })
})
