/** Names that would break a statement which is put together without care. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fixScript } from '../../src/doctor/fix.ts'
import { openClinic } from './clinic.ts'
import type { Clinic } from './clinic.ts'
import { fixtureRoles } from './healthy-schema.ts'

const plainRole = fixtureRoles().app
const role = `${plainRole} it's "Ünï"`
const quotedRole = `"${role.replaceAll('"', '""')}"`
const schema = '"Läden ""select"""'
// 63 bytes: one more and PostgreSQL cuts it off
const table = `${schema}."${'ü'.repeat(29)} a"""`
const parent = `${schema}."order"`
const tenantColumn = 'Mandant "Id"'
const tenant = '"Mandant ""Id"""'
const options = { roles: [role], tenantColumn, setting: 'app.mandant' }
let clinic: Clinic

beforeAll(async () => {
  clinic = await openClinic()
  await clinic.run(`
    create role ${quotedRole};
    create schema ${schema};
    do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;
    create table ${parent} (${tenant} int not null, "it's" int primary key);
    create index on ${parent} (${tenant});
    create table ${table} (${tenant} int, "by" int references ${parent} on delete set null, "a,b" text,
      exclude using btree ("a,b" with =));
    create unique index "drop table x; --" on ${table} ("a,b") where "a,b" <> ' USING gin (';
    create index "enum's" on ${table} ((lower("a,b")));
    alter table ${table} add constraint "check ""it""" check ("a,b" <> ') NOT VALID') not valid;
    create policy "öffen; --" on ${table} using (${tenant} = current_setting('app.mandant')::int or "a,b" = 'OR (') with check (true);
    alter table ${table} enable row level security;
    grant all on ${table} to ${quotedRole};
    create view ${schema}."View ""v""" as select * from ${table};
    grant select on ${schema}."View ""v""" to ${quotedRole};
    create materialized view ${schema}."M v" as select * from ${table};
    grant select on ${schema}."M v" to ${quotedRole};
    create sequence ${schema}."S s";
    grant all on sequence ${schema}."S s" to ${quotedRole};
    create type ${schema}."T t" as enum ('a');
    create function ${schema}."f(x)"(${schema}."T t", text[]) returns int language sql security definer as 'select 1';
    alter default privileges in schema ${schema} grant all on tables to ${quotedRole};
    grant create on schema ${schema} to ${quotedRole};
    alter role ${quotedRole} set app.mandant = 1;
    alter role ${quotedRole} createrole;`)
})

afterAll(async () => {
  await clinic.close()
})

test('names objects as PostgreSQL would read them', async () => {
  const { findings } = await clinic.examine(options)
  // GRANT ALL includes MAINTAIN since PostgreSQL 17
  const known = findings.filter(({ code }) => code !== 'privilege-maintain')
  const objects = known.map(({ code, object }) => `${code} ${object}`)
  const text = objects.join('\n').replaceAll(plainRole, 'APP').replaceAll(clinic.owner, 'OWNER')
  await expect(`${text}\n`).toMatchFileSnapshot('names.txt')
})

test('writes statements that mend them all', async () => {
  await clinic.undone(async () => {
    const report = await clinic.examine(options)
    const script = fixScript(report).replaceAll(/^(?:begin|commit);$/gmu, '')

    await clinic.run(script)

    const { findings } = await clinic.examine(options)
    expect(findings.filter(({ fix }) => fix.length > 0)).toEqual([])
    expect(findings.map(({ code }) => code)).toEqual(['index-unusable'])
  })
})
