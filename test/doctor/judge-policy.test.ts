import { describe, expect, test } from 'vitest'
import { judge } from '../../src/doctor/judge-policy.ts'
import type { Verdict } from '../../src/doctor/judge-policy.ts'

const names = {
  table: 'notes',
  tenantColumn: 'org_id',
  columns: new Set(['org_id', 'id', 'owner_id', 'text', 'is_public']),
}

// as pg_get_expr() prints them
const expressions: Readonly<Record<Verdict, readonly string[]>> = {
  held: [
    '(org_id = ( SELECT shop.current_tenant() AS current_tenant))',
    '(( SELECT shop.current_tenant() AS current_tenant) = org_id)',
    "((org_id)::text = current_setting('app.tenant'::text))",
    '(org_id IN ( SELECT m.org_id FROM public.members m WHERE (m.user_id = auth.uid())))',
    '(org_id = ANY (public.my_orgs()))',
    '(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.org_id = notes.org_id) AND (m.user_id = auth.uid()))))',
    'public.is_member(org_id)',
    '((is_public = true) AND (org_id = public.f()))',
    '((org_id = public.f()) OR (org_id = public.g()))',
    '((org_id = public.f()) OR false)',
    'false',
    'NULL::boolean',
    '((org_id = public.f()) IS TRUE)',
    'COALESCE((org_id = public.f()), false)',
    '(lower((org_id)::text) = public.f())',
    '(org_id OPERATOR(public.=) public.f())',
    "(org_id = public.f('a OR b', ')'::text))",
    'CASE WHEN is_public THEN (org_id = public.f()) ELSE false END',
    'CASE WHEN is_public THEN CASE WHEN true THEN (org_id = public.f()) ELSE NULL::boolean END END',
    "(org_id = '8f14e45f-ceea-467f-a8f6-0c1d2e3f4a5b'::uuid)",
  ],
  bypassed: [
    "((org_id = public.f()) OR (current_setting('app.bypass'::text, true) = 'on'::text))",
    '((org_id = public.f()) OR is_public)',
    'COALESCE((org_id = public.f()), true)',
    'COALESCE((org_id = public.f()), is_public)',
    '((org_id = public.f()) OR true)',
    '(((org_id = public.f()) OR (owner_id = auth.uid())) AND is_public)',
    'CASE WHEN is_public THEN true ELSE (org_id = public.f()) END',
    '((org_id = public.f()) OR (org_id = org_id))',
    '((org_id = public.f()) OR (org_id IS NOT NULL))',
  ],
  ignored: [
    '(auth.uid() = owner_id)',
    "(auth.role() = 'authenticated'::text)",
    '(org_id = org_id)',
    '((org_id = public.f()) = false)',
    '((org_id <> public.f()) = true)',
    '((org_id = public.f()) IS NOT FALSE)',
    '((org_id = public.f()) IS NULL)',
    'NULLIF(org_id, org_id)',
    '(EXISTS ( SELECT 1 FROM public.members m WHERE (m.org_id = m.org_id)))',
    '(org_id = owner_id)',
    '(org_id = COALESCE(public.f(), org_id))',
    '(org_id <> public.f())',
    '(org_id IS NOT NULL)',
    '(NOT (org_id = public.f()))',
    '(org_id NOT IN ( SELECT o.id FROM public.orgs o))',
    '(EXISTS ( SELECT 1 FROM public.members m WHERE (m.org_id = public.f())))',
    "(text = 'org_id'::text)",
    "(CURRENT_USER = 'admin'::name)",
    'is_public',
    '("org id" = public.f())',
  ],
  always: ['true', '(1 = 1)', "(true AND ('a'::text = 'a'::text))", '(true OR false)'],
}

describe.each(Object.keys(expressions) as Verdict[])('%s', (verdict) => {
  test.each(expressions[verdict])('%s', (expression) => {
    expect(judge(expression, names)).toBe(verdict)
  })
})

test('takes a quoted name for the column that it is, and no keyword', () => {
  const odd = { table: 'notes', tenantColumn: 'OR "x"', columns: new Set(['OR "x"']) }
  expect(judge('("OR ""x""" = public.f())', odd)).toBe('held')
  expect(judge('(EXISTS ( SELECT 1 FROM m WHERE (m.id = notes."OR ""x""")))', odd)).toBe('held')
})

test('does not take the name of a type for a column', () => {
  const odd = { table: 'notes', tenantColumn: 'uuid', columns: new Set(['uuid']) }
  expect(judge("(uuid = (current_setting('app.t'::text))::uuid)", odd)).toBe('held')
  expect(judge("('1'::uuid = public.f())", odd)).toBe('ignored')
})
