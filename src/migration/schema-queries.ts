/** The queries of the schema dump: each gives a `line` of SQL a row, in a fixed order. */
import { allRoleLiterals } from './roles.ts'

/** The roles with what they may do in the cluster. */
export const rolesQuery: string = `
  select format('create role %I%s%s%s%s%s%s;', rolname,
    case when rolcanlogin then ' login' else ' nologin' end,
    case when rolsuper then ' superuser' else ' nosuperuser' end,
    case when rolbypassrls then ' bypassrls' else ' nobypassrls' end,
    case when rolcreaterole then ' createrole' else ' nocreaterole' end,
    case when rolcreatedb then ' createdb' else ' nocreatedb' end,
    case when rolreplication then ' replication' else ' noreplication' end) as line
  from pg_roles where rolname in (${allRoleLiterals}) order by rolname`

/** The extensions that the schema needs, without their versions. */
export const extensionsQuery: string = `
  select format('create extension %I;', extname) as line from pg_extension
  where extname in ('btree_gin', 'vector') order by extname`

/** The schema and who may use it. */
export function schemaGrantsQuery(schema: string): string {
  return `
    select format('create schema %I;', nspname) as line from pg_namespace where nspname = ${schema}
    union all
    (select format('grant %s on schema %I to %s;', lower(privilege_type), nspname, ${grantee('acl')})
    from pg_namespace, aclexplode(nspacl) as acl
    where nspname = ${schema} and acl.grantee <> nspowner
    order by ${grantee('acl')}, privilege_type)`
}

/** The functions, who may call them, the owner where it is a role of ours, and their comments. */
export function functionsQuery(schema: string): string {
  const signature = `pg_proc.oid::regprocedure`
  return `
    select rtrim(pg_get_functiondef(pg_proc.oid), E'\\n') || E';\\n'
      || coalesce((select string_agg(format(E'grant execute on function %s to %s;\\n', ${signature}, ${grantee('acl')}), ''
          order by ${grantee('acl')})
        from aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl where acl.grantee <> proowner), '')
      || case when proowner in (select oid from pg_roles where rolname in (${allRoleLiterals}))
        then format(E'alter function %s owner to %I;\\n', ${signature}, proowner::regrole) else '' end
      || format('comment on function %s is %L;', ${signature}, obj_description(pg_proc.oid, 'pg_proc')) as line
    from pg_proc where pronamespace = ${schema}::regnamespace order by ${signature}::text`
}

/** Tables and partitions, without Kysely's own. */
export function tablesQuery(schema: string): string {
  return `
    select pg_class.oid::regclass::text as name, pg_class.oid::text || '::oid' as relation, relispartition as "isPartition",
      case when relispartition then 'partition of ' || inhparent::regclass || ' ' || lower(pg_get_expr(relpartbound, pg_class.oid))
        when relkind = 'p' then ' partition by ' || pg_get_partkeydef(pg_class.oid) else '' end as partitioning
    from pg_class left join pg_inherits on inhrelid = pg_class.oid
    where relnamespace = ${schema}::regnamespace and relkind in ('r', 'p')
      and relname not in ('kysely_migration', 'kysely_migration_lock')
    order by 1`
}

/** The columns with type, default and nullability. */
export function columnsQuery(relation: string): string {
  return `
    select quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)
      || case when attgenerated <> '' then ' generated always as (' || pg_get_expr(adbin, adrelid) || ') stored'
        when adbin is not null then ' default ' || pg_get_expr(adbin, adrelid) else '' end
      || case when attnotnull then ' not null' else '' end as line
    from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attrelid = ${relation} and attnum > 0 and not attisdropped order by attnum`
}

/** The constraints but NOT NULL ones, which PostgreSQL 18 lists too. */
export function constraintsQuery(relation: string): string {
  return `
    select format('constraint %I %s', conname, pg_get_constraintdef(oid)) as line
    from pg_constraint where conrelid = ${relation} and conparentid = 0 and contype in ('p', 'f', 'u', 'c', 'x')
    order by strpos('pfuxc', contype::text), conname`
}

/** The indexes that no constraint brings along. */
export function indexesQuery(relation: string): string {
  return `
    select pg_get_indexdef(indexrelid) || ';' as line from pg_index
    where indrelid = ${relation} and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))
    order by indexrelid::regclass::text`
}

/** Row-level security and its policies. */
export function policiesQuery(relation: string): string {
  return `
    select format('alter table %s %s row level security;', oid::regclass, state) as line
    from pg_class, lateral (values (1, case when relrowsecurity then 'enable' else 'disable' end),
      (2, case when relforcerowsecurity then 'force' else 'no force' end)) as flags (position, state)
    where oid = ${relation}
    union all
    (select format('create policy %I on %s as %s for %s to %s', polname, polrelid::regclass,
        case when polpermissive then 'permissive' else 'restrictive' end,
        case polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end,
        (select string_agg(case when role = 0 then 'public' else role::regrole::text end, ', ' order by role::regrole::text) from unnest(polroles) as role))
      || coalesce(' using (' || pg_get_expr(polqual, polrelid) || ')', '')
      || coalesce(' with check (' || pg_get_expr(polwithcheck, polrelid) || ')', '') || ';'
    from pg_policy where polrelid = ${relation} order by polname)`
}

/** The rights of everybody but the owner, on the table and on its columns. */
export function grantsQuery(relation: string): string {
  return `
    (select format('grant %s on %s to %s;', string_agg(lower(privilege_type), ', ' order by privilege_type), pg_class.oid::regclass, ${grantee('acl')}) as line
    from pg_class, aclexplode(relacl) as acl where pg_class.oid = ${relation} and acl.grantee <> relowner
    group by pg_class.oid, acl.grantee order by ${grantee('acl')})
    union all
    (select format('grant %s (%s) on %s to %s;', lower(privilege_type), string_agg(quote_ident(attname), ', ' order by attnum), attrelid::regclass, ${grantee('acl')})
    from pg_attribute, aclexplode(attacl) as acl where attrelid = ${relation} and attnum > 0 and not attisdropped
    group by attrelid, privilege_type, acl.grantee order by ${grantee('acl')}, privilege_type)`
}

/** The triggers that somebody created, not those behind foreign keys. */
export function triggersQuery(relation: string): string {
  return `
    select pg_get_triggerdef(oid) || ';' as line from pg_trigger
    where tgrelid = ${relation} and not tgisinternal order by tgname`
}

/** The comments on the table and its columns. */
export function commentsQuery(relation: string): string {
  return `
    select format('comment on %s is %L;', case when objsubid = 0 then 'table ' || objoid::regclass
      else 'column ' || objoid::regclass || '.' || quote_ident(attname) end, description) as line
    from pg_description left join pg_attribute on attrelid = objoid and attnum = objsubid and objsubid > 0
    where classoid = 'pg_class'::regclass and objoid = ${relation} order by objsubid`
}

function grantee(acl: string): string {
  return `case when ${acl}.grantee = 0 then 'public' else ${acl}.grantee::regrole::text end`
}
