import { expect, test } from 'vitest'
import { deterministicId } from '../../examples/quickstart/deterministic-id.ts'

test('makes the same version 5 uuid from the same names, another one from others', () => {
  const id = deterministicId('user', 'alder-clinic', 'ana')
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(deterministicId('user', 'alder-clinic', 'ana')).toBe(id)
  expect(deterministicId('agent', 'alder-clinic', 'ana')).not.toBe(id)
})

test('stays what is stored in databases', () => {
  expect(deterministicId('organization', 'alder-clinic')).toMatchInlineSnapshot(
    `"15627192-59b1-5227-a53a-46ce770ba324"`,
  )
})
