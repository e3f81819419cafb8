import { expectTypeOf } from 'vitest'
import type { OrderItem, Order, PointsLedger } from '../../types/database.d.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'

declare const tenant: TenantScope
const { orders, points } = tenant
const items = [{ productId: 'id', quantity: 1 }]

// money is decimal text, in and out
void orders.place({ orderNumber: '1', items, expectedTotal: '9.90' })
// @ts-expect-error a number is floating point
void orders.place({ orderNumber: '1', items, expectedTotal: 9.9 })
// @ts-expect-error likewise
void orders.place({ orderNumber: '1', items, adjustments: [{ label: 'shipping', amount: 4.9 }] })
// @ts-expect-error likewise
void tenant.products.insert({ sku: 'sku', name: 'A glass', price: 9.9 })
expectTypeOf<Order['total_price']>().toEqualTypeOf<string>()
expectTypeOf(orders.place({ orderNumber: '1', items })).resolves.toEqualTypeOf<{
  readonly order: Order
  readonly items: readonly OrderItem[]
}>()

// points are whole numbers, and a version is handed back as it came
const input = { userId: 'id', amount: 1, eventId: 'event', bizType: 'gift' }
declare const movement: PointsLedger
void points.credit({ ...input, amount: 10n, expectedVersion: movement.version, changeType: 'refund' })
void points.debit({ ...input, fromFrozen: true })
// @ts-expect-error points do not come in this way
void points.credit({ ...input, changeType: 'spend' })
// @ts-expect-error nor go out this one
void points.debit({ ...input, changeType: 'earn' })
// @ts-expect-error only a debit takes from what is frozen
void points.credit({ ...input, fromFrozen: true })
// @ts-expect-error an amount is no text
void points.freeze({ ...input, amount: '1' })
