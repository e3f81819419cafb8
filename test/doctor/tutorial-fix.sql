-- Mends what `ibex-db doctor` found. Read it, then run it as the owner of the objects (roles: as an administrator).
begin;
set local lock_timeout = '5s';
set local row_security = off;

-- tenant-nullable: column public.projects.organization_id
alter table public.projects alter column organization_id set not null;

-- foreign-key-tenant: constraint tasks_project_id_fkey on public.tasks
alter table public.projects add unique (organization_id, id);
alter table public.tasks drop constraint tasks_project_id_fkey, add constraint tasks_project_id_fkey foreign key (organization_id, project_id) references public.projects (organization_id, id) ON DELETE CASCADE;

-- primary-key-tenant: constraint attachments_pkey on public.attachments
alter table public.attachments drop constraint attachments_pkey, add constraint attachments_pkey PRIMARY KEY (organization_id, id);

-- unique-key-tenant: constraint projects_slug_key on public.projects
alter table public.projects drop constraint projects_slug_key, add constraint projects_slug_key UNIQUE (organization_id, slug);

-- tenant-index: table public.attachments
create index on public.attachments (organization_id);

-- tenant-index: table public.tasks
create index on public.tasks (organization_id);

-- rls-disabled: table public.attachments
create policy tenant_isolation on public.attachments to authenticated, anon using (organization_id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid)) with check (organization_id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid));
alter table public.attachments enable row level security;
alter table public.attachments force row level security;

-- rls-disabled: table public.organizations
create policy tenant_isolation on public.organizations to authenticated, anon using (id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid)) with check (id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid));
alter table public.organizations enable row level security;
alter table public.organizations force row level security;

-- rls-not-forced: table public.members
alter table public.members force row level security;

-- rls-not-forced: table public.projects
alter table public.projects force row level security;

-- rls-not-forced: table public.tasks
alter table public.tasks force row level security;

-- policy-always-true: policy "Anyone can create a project" on public.projects
alter policy "Anyone can create a project" on public.projects with check (organization_id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid));

-- policy-always-true: policy "Enable read access for all users" on public.tasks
drop policy "Enable read access for all users" on public.tasks;

-- policy-ignores-tenant: policy "Members can view their memberships" on public.members
alter policy "Members can view their memberships" on public.members using (organization_id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid) and ((select auth.uid()) = user_id));

-- policy-ignores-tenant: policy "Owners can update their projects" on public.projects
alter policy "Owners can update their projects" on public.projects using (organization_id = (select ((auth.jwt() ->> 'organization_id'::text))::uuid) and ((select auth.uid()) = owner_id));

-- policy-bypass: policy "Service role can do everything" on public.projects
alter policy "Service role can do everything" on public.projects using ((organization_id = (((select auth.jwt()) ->> 'organization_id'::text))::uuid));

-- policy-setting-cast: policy "Tenant isolation" on public.tasks
alter policy "Tenant isolation" on public.tasks using ((organization_id = ((nullif(((select current_setting('request.jwt.claims'::text, true))), '')::jsonb ->> 'organization_id'::text))::uuid));

-- privilege-truncate: table public.attachments
revoke truncate on public.attachments from authenticated;
revoke truncate on public.attachments from anon;

-- privilege-truncate: table public.members
revoke truncate on public.members from authenticated;
revoke truncate on public.members from anon;

-- privilege-truncate: table public.organizations
revoke truncate on public.organizations from authenticated;
revoke truncate on public.organizations from anon;

-- privilege-truncate: table public.projects
revoke truncate on public.projects from authenticated;
revoke truncate on public.projects from anon;

-- privilege-truncate: table public.tasks
revoke truncate on public.tasks from authenticated;
revoke truncate on public.tasks from anon;

-- privilege-references: table public.attachments
revoke references on public.attachments from authenticated;
revoke references on public.attachments from anon;

-- privilege-references: table public.members
revoke references on public.members from authenticated;
revoke references on public.members from anon;

-- privilege-references: table public.organizations
revoke references on public.organizations from authenticated;
revoke references on public.organizations from anon;

-- privilege-references: table public.projects
revoke references on public.projects from authenticated;
revoke references on public.projects from anon;

-- privilege-references: table public.tasks
revoke references on public.tasks from authenticated;
revoke references on public.tasks from anon;

-- privilege-trigger: table public.attachments
revoke trigger on public.attachments from authenticated;
revoke trigger on public.attachments from anon;

-- privilege-trigger: table public.members
revoke trigger on public.members from authenticated;
revoke trigger on public.members from anon;

-- privilege-trigger: table public.organizations
revoke trigger on public.organizations from authenticated;
revoke trigger on public.organizations from anon;

-- privilege-trigger: table public.projects
revoke trigger on public.projects from authenticated;
revoke trigger on public.projects from anon;

-- privilege-trigger: table public.tasks
revoke trigger on public.tasks from authenticated;
revoke trigger on public.tasks from anon;

-- privilege-tenant-update: column public.attachments.organization_id
revoke update on public.attachments from authenticated;
revoke update on public.attachments from anon;
grant update (id, path) on public.attachments to authenticated;
grant update (id, path) on public.attachments to anon;

-- privilege-tenant-update: column public.members.organization_id
revoke update on public.members from authenticated;
revoke update on public.members from anon;
grant update (user_id, role) on public.members to authenticated;
grant update (user_id, role) on public.members to anon;

-- privilege-tenant-update: column public.organizations.id
revoke update on public.organizations from authenticated;
revoke update on public.organizations from anon;
grant update (name, slug) on public.organizations to authenticated;
grant update (name, slug) on public.organizations to anon;

-- privilege-tenant-update: column public.projects.organization_id
revoke update on public.projects from authenticated;
revoke update on public.projects from anon;
grant update (id, owner_id, name, slug, status, labels, created_at) on public.projects to authenticated;
grant update (id, owner_id, name, slug, status, labels, created_at) on public.projects to anon;

-- privilege-tenant-update: column public.tasks.organization_id
revoke update on public.tasks from authenticated;
revoke update on public.tasks from anon;
grant update (id, project_id, title) on public.tasks to authenticated;
grant update (id, project_id, title) on public.tasks to anon;

-- privilege-sequence: sequence public.comments_id_seq
revoke select, update, usage on sequence public.comments_id_seq from authenticated;
revoke select, update, usage on sequence public.comments_id_seq from anon;

-- privilege-sequence: sequence public.projects_id_seq
revoke select, update, usage on sequence public.projects_id_seq from authenticated;
revoke select, update, usage on sequence public.projects_id_seq from anon;

-- privilege-sequence: sequence public.tasks_id_seq
revoke select, update, usage on sequence public.tasks_id_seq from authenticated;
revoke select, update, usage on sequence public.tasks_id_seq from anon;

-- privilege-temporary: database
revoke temporary on database app from public;

-- privilege-default: default privileges of postgres in schema public for authenticated
alter default privileges for role postgres in schema public revoke references, trigger, truncate on tables from authenticated;

-- privilege-default: default privileges of postgres in schema public for anon
alter default privileges for role postgres in schema public revoke references, trigger, truncate on tables from anon;

-- view-owner-rights: view public.project_overview
alter view public.project_overview set (security_invoker = true);

-- materialized-view-readable: materialized view public.project_stats
revoke delete, insert, references, select, trigger, truncate, update on public.project_stats from authenticated;
revoke delete, insert, references, select, trigger, truncate, update on public.project_stats from anon;

-- definer-search-path: function public.handle_new_user()
alter routine public.handle_new_user() set search_path = pg_catalog, public, pg_temp;

-- definer-search-path: function public.search_tasks(text)
alter routine public.search_tasks(text) set search_path = pg_catalog, public, pg_temp;

-- definer-public: function public.handle_new_user()
revoke execute on routine public.handle_new_user() from public;

-- definer-public: function public.search_tasks(text)
revoke execute on routine public.search_tasks(text) from public;
grant execute on routine public.search_tasks(text) to authenticated, anon;

commit;

-- login-bypasses-rls: role authenticator
-- by hand: Give the service a login of its own without SUPERUSER and BYPASSRLS, that is a member of the app role only.

-- tenant-column-missing: table public.comments
-- by hand: Add the tenant column, fill it from the table referred to, and protect the table like every other tenant table.

-- foreign-key-empties-tenant: constraint projects_organization_id_fkey on public.projects
-- by hand: Name the columns: on delete set null (agent_id).

-- primary-key-tenant: constraint projects_pkey on public.projects
-- by hand: Make it (org_id, id), and let foreign keys carry both.

-- primary-key-tenant: constraint tasks_pkey on public.tasks
-- by hand: Make it (org_id, id), and let foreign keys carry both.

-- unique-key-tenant: constraint organizations_slug_key on public.organizations
-- by hand: Begin every unique key with the tenant column. A value that must be unique among all tenants belongs where a tenant cannot write it.

-- index-unusable: index public.projects_labels_idx
-- by hand: Use text with a CHECK instead of an enum, float instead of numeric. Put text, array and JSON search into a SECURITY DEFINER function of a role with a policy of its own, that compares the tenant itself.

-- index-column-unusable: index public.projects_organization_id_status_idx
-- by hand: Nothing, where the other columns leave few rows; else store what is searched in a column of a type with leakproof comparisons: text, uuid, numbers but numeric, times.

-- sequence-key: column public.projects.id
-- by hand: Use uuid keys; a number that people read is counted within its tenant.

-- sequence-key: column public.tasks.id
-- by hand: Use uuid keys; a number that people read is counted within its tenant.

-- policy-setting-cast: function auth.uid()
-- by hand: Read it as nullif(current_setting('…', true), '') in one function, and call that in every policy.

-- policy-setting-cast: function auth.jwt()
-- by hand: Read it as nullif(current_setting('…', true), '') in one function, and call that in every policy.

-- definer-without-tenant: function public.search_tasks(text)
-- by hand: Compare the tenant in its statements, make it SECURITY INVOKER, or give it to an owner whom the policies hold.

-- publication-unfiltered: publication live
-- by hand: Give the table a row filter on the tenant column, or take it out of the publication.
