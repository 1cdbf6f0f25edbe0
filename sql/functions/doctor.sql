-- What `billing doctor` asks of the database: one question each, so that one without an answer hides no other.

-- The server as this connection sees it, and which SQL files it was given.
create or replace function public.billing_doctor_server_v1() returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'at', clock_timestamp(),
    'version', current_setting('server_version'), 'version_num', current_setting('server_version_num')::int,
    -- The session's own: this function, like all of them, is called in UTC.
    'time_zone', (select reset_val from pg_catalog.pg_settings where name = 'TimeZone'), 'role', current_user,
    -- Where it is the same, it is the same database.
    'database', current_database(), 'started_at', pg_postmaster_start_time(),
    'applied', (select coalesce(jsonb_object_agg(m.name, m.checksum), '{}') from public.billing_schema_migrations m))
$$;

-- Whether the server takes writes. PostgREST calls a stable function in a read-only transaction, so the transaction's
-- own setting shows nothing.
create or replace function public.billing_doctor_writable_v1() returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('standby', pg_is_in_recovery(),
                            'read_only', current_setting('default_transaction_read_only')::boolean)
$$;

-- As many elements as asked for. An answer of rows would be cut at 1,000 by default, without a word.
create or replace function public.billing_doctor_rows_v1(p_rows int) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_agg(n) from generate_series(1, p_rows) n
$$;

drop function if exists public.billing_doctor_doors_v1();

-- The privileges of anon, authenticated and PUBLIC. `p_names`: {"relations": [...], "functions": [...]}, ours; objects
-- of the application are not looked at. `theirs`: the four relations of the deployment.
create or replace function public.billing_doctor_doors_v2(p_names jsonb) returns jsonb
language sql stable set search_path = '' as $$
  with someone(name) as (
    select rolname::text from pg_roles where rolname in ('anon', 'authenticated') union all select 'public'),
  tables as (
    select c.oid, c.relname::text as name, c.relkind, c.relrowsecurity as has_rls,
           c.relname in ('billing_companies', 'billing_usage_events', 'billing_payments', 'billing_invoices') as theirs
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and (p_names->'relations' ? c.relname::text
           or c.relname in ('billing_companies', 'billing_usage_events', 'billing_payments', 'billing_invoices'))),
  relations as (
    select t.oid, t.name, t.relkind, t.has_rls, t.theirs from tables t
    union all
    -- The sequences of their columns.
    select s.oid, s.relname::text, s.relkind, false, t.theirs
    from tables t
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.deptype in ('a', 'i')
                    and d.classid = 'pg_class'::regclass
    join pg_class s on s.oid = d.objid and s.relkind = 'S'),
  open as (
    select r.name, r.theirs from relations r
    where exists (
      select from someone s
      where case when r.relkind = 'S' then has_sequence_privilege(s.name, r.oid, 'usage, select, update')
                 else has_table_privilege(s.name, r.oid, 'select, insert, update, delete, truncate, references, trigger')
                   or has_any_column_privilege(s.name, r.oid, 'select, insert, update, references') end))
  select jsonb_build_object(
    'roles', (select jsonb_agg(s.name order by s.name) from someone s),
    'functions', (
      select coalesce(jsonb_agg(p.oid::regprocedure::text order by p.oid::regprocedure::text), '[]')
      from pg_proc p
      where p.pronamespace = 'public'::regnamespace and p_names->'functions' ? p.proname::text
        and exists (select from someone s where has_function_privilege(s.name, p.oid, 'execute'))),
    'ours', (select coalesce(jsonb_agg(o.name order by o.name), '[]') from open o where not o.theirs),
    'theirs', (select coalesce(jsonb_agg(o.name order by o.name), '[]') from open o where o.theirs),
    'without_rls', (select coalesce(jsonb_agg(r.name order by r.name), '[]') from relations r
                    where r.relkind in ('r', 'p') and not r.has_rls and not r.theirs))
$$;

-- Counts usage rows that are in no window, or that Stripe would never accept.
create or replace function public.billing_doctor_odd_rows_v1() returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'undated', (select count(*) from public.billing_usage_events u where u.occurred_at is null),
    'future', (select count(*) from public.billing_usage_events u where u.occurred_at > now() + interval '1 day'),
    -- Before Stripe's first year, so no late usage but a date that was read wrongly.
    'ancient', (select count(*) from public.billing_usage_events u where u.occurred_at < '2010-01-01Z'))
$$;

-- The meters of the last hours' usage, and who used something and has no customer at Stripe (20 at most). In plpgsql
-- because billing_customer_id_v1 comes later.
create or replace function public.billing_doctor_usage_v1(p_hours int) returns jsonb
language plpgsql stable set search_path = '' set statement_timeout = '1min' as $$
begin
  return (
    with used as (
      select u.company_id, u.meter, count(*) as usage_rows from public.billing_usage_events u
      where u.occurred_at >= now() - make_interval(hours => p_hours) and u.occurred_at < now()
      group by 1, 2),
    lacking as (
      select u.company_id from used u
      where exists (select from public.billing_companies c where c.company_id = u.company_id)
        and not exists (select from public.billing_companies c
                        where c.company_id = u.company_id
                          and public.billing_customer_id_v1(c.stripe_customer_id) is not null)
      group by 1)
    select jsonb_build_object(
      'meters', (
        select coalesce(jsonb_object_agg(m.meter, m.usage_rows), '{}')
        from (select u.meter, sum(u.usage_rows) as usage_rows from used u where u.meter is not null group by 1) m),
      'without_customer', (select count(*) from lacking),
      'examples', (select coalesce(jsonb_agg(l.company_id order by l.company_id), '[]')
                   from (select company_id from lacking order by 1 limit 20) l),
      'odd_rows', public.billing_doctor_odd_rows_v1()));
end
$$;

-- What is unfinished or in doubt, of the last 35 days where it is over. Seconds are left until Stripe no longer
-- deduplicates (with our hour of margin) or cancels; null where nothing waits for it.
create or replace function public.billing_doctor_work_v1(p_lag_hours int) returns jsonb
language sql stable set search_path = '' set statement_timeout = '1min' as $$
  with recent as (
    select b.batch_id, b.state, b.opened_at, b.finished_at, b.verified_at, b.livemode
    from public.billing_export_batches b where b.opened_at >= now() - interval '35 days' or b.state <> 'done')
  select jsonb_build_object(
    'batches', (
      select coalesce(jsonb_agg(jsonb_build_object(
          'batch_id', b.batch_id, 'state', b.state, 'livemode', b.livemode,
          'pending', i.pending, 'sending', i.sending, 'cancelling', i.cancelling,
          'age_s', extract(epoch from now() - b.opened_at)::int,
          'runners', (select coalesce(jsonb_agg(r.runner order by r.seen_at desc), '[]')
                      from public.billing_export_runners r
                      where r.batch_id = b.batch_id and r.expires_at > now()),
          'dedup_left_s', extract(epoch from i.oldest_sending + public.billing_export_resendable_v1() - now())::int,
          'cancel_left_s', extract(epoch from i.oldest_cancelling + interval '24 hours' - now())::int)
          order by b.opened_at), '[]')
      from recent b
      cross join lateral (
        select count(*) filter (where n.state = 'pending') as pending,
               count(*) filter (where n.state = 'sending') as sending,
               count(*) filter (where n.state = 'cancelling') as cancelling,
               min(n.first_sent_at) filter (where n.state = 'sending') as oldest_sending,
               min(n.first_sent_at) filter (where n.state = 'cancelling') as oldest_cancelling
        from public.billing_export_items n
        where n.batch_id = b.batch_id and n.state in ('pending', 'sending', 'cancelling')) i
      where b.state <> 'done'),
    'doubtful', (
      select coalesce(jsonb_agg(jsonb_build_object(
          'batch_id', b.batch_id, 'state', d.state, 'items', d.items) order by b.opened_at, d.state), '[]')
      from recent b
      cross join lateral (
        select n.state, count(*) as items from public.billing_export_items n
        where n.batch_id = b.batch_id and n.state in ('ambiguous', 'missing') group by 1) d),
    'unverified', (
      select coalesce(jsonb_agg(jsonb_build_object(
          'batch_id', b.batch_id, 'age_s', extract(epoch from now() - b.finished_at)::int) order by b.opened_at), '[]')
      from recent b
      where b.state = 'done' and b.verified_at is null and b.finished_at < now() - make_interval(hours => p_lag_hours)
        and exists (select from public.billing_export_items n where n.batch_id = b.batch_id and n.state = 'accepted')),
    'intents', (
      select coalesce(jsonb_agg(jsonb_build_object(
          'intent_id', t.intent_id, 'kind', t.kind, 'state', t.state,
          'age_s', extract(epoch from now() - t.opened_at)::int,
          'runners', case when t.claimed_until > now() then jsonb_build_array(coalesce(t.claimed_by, '')) else '[]' end,
          'key_left_s', extract(epoch from t.first_sent_at + interval '24 hours' - now())::int) order by t.opened_at), '[]')
      from public.billing_intents t where t.state in ('open', 'sending')))
$$;

-- Which files were applied is asked over REST too.
do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select on public.billing_schema_migrations to service_role;
  end if;
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_doctor_server_v1()',
  'public.billing_doctor_rows_v1(int)',
  'public.billing_doctor_doors_v2(jsonb)',
  'public.billing_doctor_writable_v1()',
  'public.billing_doctor_odd_rows_v1()',
  'public.billing_doctor_usage_v1(int)',
  'public.billing_doctor_work_v1(int)'
]) as f;
