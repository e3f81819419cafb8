import { afterAll, beforeAll, expect, test } from 'vitest'
import { TenantIsolationError } from '../../src/testing/assertion-errors.ts'
import { mutatePolicies } from '../../src/testing/mutate-policies.ts'
import type { KillScore } from '../../src/testing/kill-score.ts'
import { openShop } from './open-shop.ts'
import type { OpenShop } from './open-shop.ts'
import { failure } from '../support/two-tenants.ts'

let shop: OpenShop

beforeAll(async () => {
  shop = await openShop()
})

afterAll(async () => {
  await shop.close()
})

async function score(): Promise<{ readonly score: KillScore; readonly printed: string }> {
  const printed: string[] = []
  const print = (text: string): void => void printed.push(text)
  return { score: await mutatePolicies(shop.target, { ...shop.options, print }), printed: printed.join('\n') }
}

test('kills every mutant of a schema that keeps tenants apart, and says what it could not try', async () => {
  await shop.plant()
  const { score: result, printed } = await score()

  expect(result.survivors).toEqual([])
  expect(result.killed).toBeGreaterThan(60)
  expect(result.killed).toBe(result.total)
  expect(new Set(result.mutants.map(({ kind }) => kind))).toEqual(
    new Set(['policy', 'force', 'grant', 'key', 'view', 'sequence', 'role']),
  )
  expect(printed).toContain(`kill score 100 %: ${result.killed} of ${result.total} mutants`)
  const argued = result.mutants.filter(({ outcome }) => outcome === 'equivalent' || outcome === 'impossible')
  for (const { reason } of argued) expect(printed).toContain(reason)
})

test('argues a mutant that a trigger hides, and does not count it', async () => {
  // a trigger that hides what the policy no longer refuses: the probes see the same with and without their rows
  await shop.plant(`create function shop.swallow() returns trigger language plpgsql as $$ begin
      if new.tenant_id is distinct from shop.current_tenant() then return null; end if; return new; end $$;
    create trigger swallow before insert or update on shop.notes for each row execute function shop.swallow()`)
  const { score: result, printed } = await score()

  const check = result.mutants.find(({ name }) => name.includes('by_tenant on shop.notes: with check (true)'))
  expect(check?.outcome).toBe('equivalent')
  expect(check?.reason).toContain('trigger')
  expect(printed).not.toContain('survived')
})

test('names the survivor when nothing notices a mutant', async () => {
  // of two policies that say the same either can go
  await shop.plant(
    `create policy twin on shop.notes to app using (tenant_id = (select shop.current_tenant()))`,
  )
  const { score: result, printed } = await score()

  const names = ['policy by_tenant on shop.notes: drop', 'policy twin on shop.notes: drop']
  expect(result.survivors.map(({ name }) => name)).toEqual(names)
  for (const name of names) expect(printed).toContain(`survived: ${name}`)
  expect(printed).not.toContain('kill score 100 %')
})

test('refuses to measure a schema that does not keep tenants apart', async () => {
  await shop.plant('alter table shop.notes disable row level security')
  expect(await failure(score)).toBeInstanceOf(TenantIsolationError)
})
