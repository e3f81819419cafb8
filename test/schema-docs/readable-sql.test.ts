import { expect, test } from 'vitest'
import { readableSql, readableType } from '../../scripts/schema-docs/readable-sql.ts'

test.each([
  ["'{}'::jsonb", "'{}'"],
  ["'{}'::text[]", "'{}'"],
  ["'it''s'::character varying(10)", "'it''s'"],
  ["to_tsvector('english'::regconfig, content)", "to_tsvector('english', content)"],
  ["status = ANY (ARRAY['a'::text, 'b'::text])", "status in ('a', 'b')"],
  ["status <> ALL (ARRAY['a'::text, 'b'::text])", "status not in ('a', 'b')"],
  ['score >= 0::double precision AND score <= 1::double precision', 'score between 0 and 1'],
  ["n >= '-1'::integer AND n <= 1", 'n between -1 and 1'],
  ["'-1.5'::numeric::double precision", '-1.5'],
  ["'1'::text", "'1'"],
  ['char_length(name) >= 1 AND char_length(name) <= 50', 'char_length(name) between 1 and 50'],
  ['a >= 0 AND b <= 1', 'a >= 0 and b <= 1'],
  [
    'btree (org_id, created_at DESC) WHERE deleted_at IS NULL',
    'btree (org_id, created_at desc) where deleted_at is null',
  ],
])('writes %j as %j', (printed, readable) => {
  expect(readableSql(printed)).toBe(readable)
})

test.each([
  ["note <> 'x >= 1 AND x <= 2'::text", "note <> 'x >= 1 AND x <= 2'"],
  ["slug ~ '^[A-Z] AND ::text$'::text", "slug ~ '^[A-Z] AND ::text$'"],
  ['"Odd AND"::text = \'x\'::text', '"Odd AND"::text = \'x\''],
  ['(embedding)::text', '(embedding)::text'],
  ['column1::date > now()', 'column1::date > now()'],
])('keeps what means something in %j', (printed, readable) => {
  expect(readableSql(printed)).toBe(readable)
})

test.each([
  ['timestamp with time zone', 'timestamptz'],
  ['timestamp without time zone[]', 'timestamp[]'],
  ['character varying(20)', 'varchar(20)'],
  ['character(64)', 'char(64)'],
  ['numeric(10,2)', 'numeric(10,2)'],
  ['vector(384)', 'vector(384)'],
])('names the type %j %j', (printed, readable) => {
  expect(readableType(printed)).toBe(readable)
})
