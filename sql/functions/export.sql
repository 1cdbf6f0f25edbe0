-- What an export would send: usage minus what was sent, per company, meter and hour.

-- One row per company, meter and bucket (and one more for its unusable rows), with what becomes of it.
--   send, sent          to be sent; nothing more to send
--   any other           the reason for which its new rows are skipped
-- A bucket is an hour, or a day where the meter counts whole days. p_meters are the routes; p_subscriptions
-- names what Stripe still bills, or is null where nobody asked: {stripe_customer_id, meter, subscription_item,
-- began, open_from, open_until}. Usage from `began` up to `open_from` is on final invoices, that from there up to
-- `open_until` (null: without end) is still to be invoiced, and for all the rest there is no subscription.
-- p_late says what becomes of buckets on final invoices: send, carry or hold.
-- Inlined into its callers on purpose: no SET clause, every name qualified.
create or replace function public.billing_export_lines_v2(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text, p_meter text, p_allow_corrections boolean, p_resend boolean, p_late text, p_subscriptions jsonb)
returns table (
  disposition text, company_id text, meter text, bucket_start timestamptz,
  usage_rows bigint,      -- good rows of the bucket
  row_delta bigint,       -- good rows beyond those behind what was sent; negative when rows went away
  quantity numeric, accepted numeric, reserved numeric, delta numeric,
  stripe_customer_id text, event_name text, customer_key text, value_key text,
  backend text, replaces boolean, sent_value numeric, event_at timestamptz, subscription_item text,
  unbilled boolean)       -- Stripe counts it, and the customer's subscriptions do not reach its time
language sql stable as $$
  with meters as (
    select m.*, ('1 ' || m.bucket)::interval as width
    from jsonb_to_recordset(p_meters)
      as m(meter text, event_name text, customer_key text, value_key text, problem text,
           bucket text, aggregation text, replaces boolean, backend text, unit numeric)
  ),
  hours as (
    select u.company_id, u.meter, date_bin('1 hour', u.occurred_at, '2000-01-01 00:00:00+00') as bucket_start,
           -- false for NaN and the infinities, null for null
           count(*) filter (where u.quantity > '-Infinity' and u.quantity < 'Infinity') as good_rows,
           sum(u.quantity) filter (where u.quantity > '-Infinity' and u.quantity < 'Infinity') as quantity,
           count(*) as all_rows
    from public.billing_usage_events u
    where u.occurred_at >= p_start and u.occurred_at < p_end
      and (p_company is null or u.company_id = p_company)
      and (p_meter is null or u.meter = p_meter)
    group by 1, 2, 3
  ),
  usage as (
    select * from hours h
    where h.meter is null or h.meter <> all (array(select m.meter from meters m where m.bucket = 'day'))
    union all
    select h.company_id, h.meter, date_bin('1 day', h.bucket_start, '2000-01-01 00:00:00+00'),
           sum(h.good_rows)::bigint, sum(h.quantity), sum(h.all_rows)::bigint
    from hours h
    where h.meter = any (array(select m.meter from meters m where m.bucket = 'day'))
    group by 1, 2, 3
  ),
  lasts as (
    select distinct on (u.company_id, u.meter, b.bucket_start) u.company_id, u.meter, b.bucket_start, u.quantity
    from public.billing_usage_events u
    join meters m on m.meter = u.meter and m.aggregation = 'last'
    cross join lateral (
      select date_bin(m.width, u.occurred_at, '2000-01-01 00:00:00+00') as bucket_start) b
    where exists (select from meters where aggregation = 'last')
      and u.occurred_at >= p_start and u.occurred_at < p_end
      and (p_company is null or u.company_id = p_company)
      and (p_meter is null or u.meter = p_meter)
      and u.quantity > '-Infinity' and u.quantity < 'Infinity'
    order by u.company_id, u.meter, b.bucket_start, u.occurred_at desc, u.usage_event_id desc
  ),
  sent as (
    select i.company_id, i.meter, i.bucket_start,
           coalesce(sum(i.usage_rows) filter (where i.state <> 'cancelled'), 0) as sent_rows,
           coalesce(sum(i.quantity) filter (where i.state = 'accepted'), 0) as accepted,
           coalesce(sum(i.quantity) filter (where i.state not in ('accepted', 'cancelled')), 0) as reserved,
           count(*) as items
    from public.billing_export_items i
    where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state <> 'rejected'
      and i.bucket_start >= p_start and i.bucket_start < p_end
      and (p_company is null or i.company_id = p_company)
      and (p_meter is null or i.meter = p_meter)
    group by 1, 2, 3
  ),
  -- Buckets of which something was taken back, and nothing was sent on request since.
  taken_back as (
    select distinct c.company_id, c.meter, c.bucket_start
    from public.billing_export_items c
    where c.stripe_account_id = p_account and c.livemode = p_livemode and c.state = 'cancelled'
      and c.bucket_start >= p_start and c.bucket_start < p_end
      and (p_company is null or c.company_id = p_company)
      and (p_meter is null or c.meter = p_meter)
      and not exists (
        select from public.billing_export_items i
        join public.billing_export_batches b on b.batch_id = i.batch_id
        where i.stripe_account_id = p_account and i.livemode = p_livemode and i.bucket_start = c.bucket_start
          and i.company_id = c.company_id and i.meter = c.meter
          and i.state not in ('rejected', 'cancelled') and b.opened_at > c.settled_at)
  ),
  companies as (
    select c.company_id, min(nullif(trim(c.stripe_customer_id), '')) as stripe_customer_id,
           count(distinct nullif(trim(c.stripe_customer_id), '')) > 1 as conflicting
    from public.billing_companies c
    where c.company_id is not null
    group by 1
  ),
  subscriptions as (
    select s.stripe_customer_id, s.meter, min(s.began) as began, min(s.open_from) as open_from,
           max(coalesce(s.open_until, 'infinity')) as open_until,
           min(s.subscription_item) as subscription_item, count(distinct s.subscription_item) > 1 as conflicting
    from jsonb_to_recordset(p_subscriptions)
      as s(stripe_customer_id text, meter text, subscription_item text,
           began timestamptz, open_from timestamptz, open_until timestamptz)
    group by 1, 2
  ),
  buckets as (
    select company_id, meter, bucket_start,
           coalesce(u.good_rows, 0) as good_rows, coalesce(u.all_rows - u.good_rows, 0) as bad_rows,
           coalesce(l.quantity, u.quantity, 0) as quantity, coalesce(s.accepted, 0) as accepted,
           coalesce(s.reserved, 0) as reserved, coalesce(s.sent_rows, 0) as sent_rows,
           coalesce(s.items, 0) as items, k.company_id is not null as rolled_back,
           coalesce(l.quantity, u.quantity, 0) - coalesce(s.accepted, 0) - coalesce(s.reserved, 0) as delta
    from usage u
    full join sent s using (company_id, meter, bucket_start)
    left join lasts l using (company_id, meter, bucket_start)
    left join taken_back k using (company_id, meter, bucket_start)
  ),
  routed as (
    select b.*, c.company_id as known_company, c.conflicting as conflicting_customer, c.stripe_customer_id,
           m.meter as known_meter, m.event_name, m.customer_key, m.value_key, m.problem,
           m.bucket, m.aggregation, m.backend, m.replaces,
           case when m.unit <> 1 then b.quantity / m.unit when m.replaces then b.quantity else b.delta end as sent_value,
           s.subscription_item, s.meter is not null as subscribed, s.conflicting as conflicting_subscription,
           s.open_from, b.bucket_start + m.width as bucket_end,
           -- Totals stay in their bucket, and an ended subscription has no period to move to.
           not m.replaces and s.open_from < s.open_until as movable,
           coalesce(b.bucket_start + m.width <= s.began or b.bucket_start >= s.open_until, false)
             as unbilled
    from buckets b
    left join companies c on c.company_id = b.company_id
    left join meters m on m.meter = b.meter
    left join subscriptions s on s.stripe_customer_id = c.stripe_customer_id and s.meter = b.meter
  ),
  -- A bucket in which the open period begins is taken to be of it: its event moves a part of an hour.
  judged as (
    select r.*, coalesce(not r.unbilled and r.bucket_start < r.open_from
                         and not (r.movable and r.open_from < r.bucket_end), false) as late
    from routed r
  ),
  -- Totals replace totals: each has a later time than the one before, for whatever Stripe takes as the last.
  timed as (
    select j.*, case
        when j.movable and not j.unbilled and j.bucket_start < j.open_from and (p_late = 'carry' or not j.late)
          then j.open_from
        when j.replaces and j.backend <> 'usage-records'
          then j.bucket_start + least(j.items, 3599) * interval '1 second'
        else j.bucket_start
      end as event_at
    from judged j
  )
  select case
           when t.bucket = 'day' and (t.bucket_start < p_start or t.bucket_start + interval '1 day' > p_end)
             then 'partial_window'
           when t.delta = 0 and (t.accepted <> 0 or t.reserved <> 0 or t.sent_rows > 0) then 'sent'
           when t.known_company is null then 'unknown_company'
           when t.conflicting_customer then 'conflicting_company'
           when t.stripe_customer_id is null then 'no_customer'
           when t.known_meter is null then 'no_meter'
           when t.problem is not null then t.problem
           when t.rolled_back and not p_resend and (t.delta <> 0 or t.good_rows > 0) then 'rolled_back'
           when t.backend = 'usage-records' and p_subscriptions is not null and (t.unbilled or not t.subscribed)
             then 'no_subscription'
           when t.backend = 'usage-records' and t.conflicting_subscription then 'conflicting_subscription'
           when t.delta = 0 and t.aggregation <> 'last' then 'zero_total'
           when t.late and (p_late = 'hold' or (p_late = 'carry' and not t.movable)) then 'late'
           -- An hour inside Stripe's 35 days, so that it is still good when its turn comes.
           when t.event_at < now() - interval '35 days' + interval '1 hour' then 'too_old'
           when t.backend = 'usage-records' and (t.sent_value < 0 or t.sent_value <> trunc(t.sent_value)) then 'not_whole'
           -- Counting digits is dear, and most amounts are small.
           when (abs(t.sent_value) >= 1e9 or scale(t.sent_value) > 6)
             and length(ltrim(replace(trim_scale(abs(t.sent_value))::text, '.', ''), '0')) > 15 then 'too_precise'
           when t.aggregation = 'last' and t.good_rows = 0 then 'value_gone'
           when t.delta < 0 and t.aggregation <> 'last' and not p_allow_corrections then 'correction'
           else 'send'
         end,
         t.company_id, t.meter, t.bucket_start, t.good_rows, t.good_rows - t.sent_rows,
         t.quantity, t.accepted, t.reserved, t.delta,
         t.stripe_customer_id, t.event_name, t.customer_key, t.value_key,
         t.backend, t.replaces, t.sent_value, t.event_at, t.subscription_item, t.unbilled
  from timed t
  where t.good_rows > 0 or t.delta <> 0 or t.bad_rows = 0
  union all
  select 'bad_quantity', b.company_id, b.meter, b.bucket_start, b.bad_rows, b.bad_rows, 0, 0, 0, 0,
         null, null, null, null, null, null, null, null, null, false
  from buckets b where b.bad_rows > 0
$$;

-- The text of one line to send; the digest of a plan is made of these.
create or replace function public.billing_export_line_text_v2(
  p_company text, p_meter text, p_bucket timestamptz, p_quantity numeric,
  p_customer text, p_event_name text, p_customer_key text, p_value_key text,
  p_backend text, p_sent_value numeric, p_event_at timestamptz, p_subscription_item text)
returns text language sql immutable as $$
  select json_build_array(p_company, p_meter, extract(epoch from p_bucket)::bigint, trim_scale(p_quantity)::text,
                           p_customer, p_event_name, p_customer_key, p_value_key, p_backend,
                           trim_scale(p_sent_value)::text, extract(epoch from p_event_at)::bigint,
                           p_subscription_item)::text
$$;

create or replace function public.billing_export_preview_v2(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text default null, p_meter text default null, p_allow_corrections boolean default false,
  p_resend boolean default false, p_late text default 'hold', p_subscriptions jsonb default null)
returns jsonb language sql stable
set search_path = '' set statement_timeout = '10min' set jit = off as $$
  with lines as materialized (
    select * from public.billing_export_lines_v2(
      p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter, p_allow_corrections,
      p_resend, p_late, p_subscriptions)
  ),
  groups as (
    select l.company_id, l.meter, min(l.stripe_customer_id) as stripe_customer_id, min(l.event_name) as event_name,
           sum(l.usage_rows) as usage_rows, sum(l.quantity) as quantity,
           sum(l.accepted) as accepted, sum(l.reserved) as reserved,
           coalesce(sum(l.usage_rows) filter (where l.disposition = 'sent'), 0)
             + coalesce(sum(l.usage_rows - greatest(l.row_delta, 0)) filter (where l.disposition = 'send'), 0) as sent_rows,
           coalesce(sum(greatest(l.row_delta, 0)) filter (where l.disposition = 'send'), 0) as new_rows,
           coalesce(sum(l.delta) filter (where l.disposition = 'send' and l.delta > 0), 0) as to_send,
           coalesce(sum(l.delta) filter (where l.disposition in ('send', 'correction') and l.delta < 0), 0) as corrections,
           count(*) filter (where l.disposition = 'send') as buckets,
           count(*) filter (where l.disposition in ('send', 'correction') and l.delta < 0) as correction_buckets,
           coalesce(sum(l.delta) filter (where l.disposition = 'send' and l.unbilled), 0) as unbilled,
           coalesce(sum(l.delta) filter (where l.disposition = 'send' and l.event_at > l.bucket_start
                                         and not l.replaces), 0) as carried,
           min(l.bucket_start) filter (where l.disposition = 'send' and l.event_at > l.bucket_start
                                       and not l.replaces) as carried_from,
           max(l.event_at) filter (where l.disposition = 'send' and l.event_at > l.bucket_start
                                   and not l.replaces) as carried_to,
           encode(sha256(convert_to(coalesce(string_agg(public.billing_export_line_text_v2(
             l.company_id, l.meter, l.bucket_start, l.delta, l.stripe_customer_id, l.event_name,
             l.customer_key, l.value_key, l.backend, l.sent_value, l.event_at, l.subscription_item),
             ',' order by l.bucket_start) filter (where l.disposition = 'send'), ''),
             'UTF8')), 'hex') as lines_hash
    from lines l where l.disposition in ('send', 'sent', 'correction')
    group by 1, 2
  ),
  -- What was accepted per hour in the four weeks before: a cheap idea of a usual day.
  history as (
    select i.company_id, i.meter, sum(i.quantity)
             / greatest(extract(epoch from p_start - min(i.bucket_start)) / 3600, 24) as hourly
    from public.billing_export_items i
    where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state = 'accepted'
      and i.bucket_start >= p_start - interval '28 days' and i.bucket_start < p_start
    group by 1, 2
  ),
  skipped as (
    select l.disposition, sum(greatest(l.row_delta, 0)) as skipped_rows, sum(l.usage_rows - greatest(l.row_delta, 0)) as sent_rows,
           count(*) as buckets, sum(l.delta) as quantity,
           (array_agg(distinct coalesce(l.company_id, 'NULL') || ' ' || coalesce(l.meter, 'NULL')))[1:3] as examples
    from lines l where l.disposition not in ('send', 'sent') group by 1
  ),
  slots as (
    select l.meter, width_bucket(extract(epoch from l.bucket_start)::float8, extract(epoch from p_start)::float8,
             extract(epoch from p_end)::float8, 24) as slot, sum(l.quantity) as quantity
    from lines l where l.disposition in ('send', 'sent') group by 1, 2
  )
  select jsonb_build_object(
    'now', now(),
    -- Counted anew from the table, so that the client can prove that no row got lost on the way.
    'window_rows', (select count(*) from public.billing_usage_events u
                    where u.occurred_at >= p_start and u.occurred_at < p_end
                      and (p_company is null or u.company_id = p_company) and (p_meter is null or u.meter = p_meter)),
    'undated_rows', (select count(*) from public.billing_usage_events u where u.occurred_at is null),
    'company_known', p_company is null or exists (
      select from public.billing_companies c where c.company_id = p_company),
    'lines_hash', (select encode(sha256(convert_to(coalesce(
        string_agg(g.lines_hash, ',' order by g.company_id collate "C", g.meter collate "C"), ''), 'UTF8')), 'hex')
      from groups g where g.buckets > 0),
    'groups', (select coalesce(jsonb_agg(jsonb_build_object(
        'company_id', g.company_id, 'meter', g.meter, 'event_name', g.event_name,
        'stripe_customer_id', g.stripe_customer_id,
        'company_name', (select min(c.name) from public.billing_companies c where c.company_id = g.company_id),
        'usage_rows', g.usage_rows, 'sent_rows', g.sent_rows, 'new_rows', g.new_rows,
        'quantity', trim_scale(g.quantity)::text, 'accepted', trim_scale(g.accepted)::text,
        'reserved', trim_scale(g.reserved)::text, 'to_send', trim_scale(g.to_send)::text,
        'corrections', trim_scale(g.corrections)::text, 'buckets', g.buckets,
        'correction_buckets', g.correction_buckets, 'unbilled', trim_scale(g.unbilled)::text,
        'carried', trim_scale(g.carried)::text, 'carried_from', g.carried_from, 'carried_to', g.carried_to,
        'usual', (select trim_scale(round(h.hourly * extract(epoch from p_end - p_start) / 3600, 6))::text
                  from history h where h.company_id = g.company_id and h.meter = g.meter)
      ) order by g.company_id collate "C", g.meter collate "C"), '[]') from groups g),
    'skipped', (select coalesce(jsonb_agg(jsonb_build_object(
        'reason', s.disposition, 'usage_rows', s.skipped_rows, 'sent_rows', s.sent_rows, 'buckets', s.buckets,
        'quantity', trim_scale(s.quantity)::text, 'examples', s.examples) order by s.disposition), '[]')
      from skipped s),
    'slots', (select coalesce(jsonb_agg(jsonb_build_object(
        'meter', s.meter, 'slot', s.slot, 'quantity', trim_scale(s.quantity)::text)
        order by s.meter, s.slot), '[]') from slots s),
    'open_batches', (select coalesce(jsonb_agg(public.billing_export_batch_summary_v1(b.batch_id)), '[]')
      from public.billing_export_batches b
      where b.stripe_account_id = p_account and b.livemode = p_livemode and b.state = 'open'))
$$;

-- Where a plan becomes a batch. The lines are computed again and must be those that were shown. The same call again
-- answers as the first one did.
create or replace function public.billing_export_open_v2(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text, p_meter text, p_allow_corrections boolean, p_resend boolean, p_late text, p_subscriptions jsonb,
  p_batch_id text, p_lines_hash text, p_digest text, p_actor text)
returns jsonb language plpgsql
set search_path = '' set statement_timeout = '10min' set jit = off as $$
declare
  v_hash text;
  v_items bigint;
begin
  perform pg_advisory_xact_lock(hashtext('billing_export ' || p_account || p_livemode::text));
  if exists (select from public.billing_export_batches b
             where b.batch_id = p_batch_id and b.stripe_account_id = p_account and b.livemode = p_livemode
               and b.window_start = p_start and b.window_end = p_end
               and b.plan_digest = p_digest and b.lines_hash = p_lines_hash and b.actor = p_actor) then
    return jsonb_build_object('batch_id', p_batch_id, 'items', (
      select count(*) from public.billing_export_items i where i.batch_id = p_batch_id));
  end if;
  if exists (select from public.billing_export_batches b
             where b.stripe_account_id = p_account and b.livemode = p_livemode and b.state = 'open') then
    raise exception 'Another batch was opened after this plan was made.' using errcode = 'BL001',
      hint = 'Run the export without --confirm to see the new plan.';
  end if;
  insert into public.billing_export_batches (batch_id, stripe_account_id, livemode, window_start, window_end,
    plan_digest, lines_hash, actor)
  values (p_batch_id, p_account, p_livemode, p_start, p_end, p_digest, p_lines_hash, p_actor);
  -- Hour by hour, so that neighbours belong to different customers and can be sent side by side.
  insert into public.billing_export_items (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start,
    quantity, usage_rows, stripe_customer_id, event_name, customer_key, value_key,
    backend, replaces, sent_value, event_at, subscription_item, identifier)
  select p_batch_id, p_account, p_livemode, l.company_id, l.meter, l.bucket_start, l.delta, l.row_delta,
         l.stripe_customer_id, l.event_name, l.customer_key, l.value_key,
         l.backend, l.replaces, l.sent_value, l.event_at, l.subscription_item,
         p_batch_id || '-' || row_number() over (order by l.bucket_start, l.meter, l.company_id)
  from public.billing_export_lines_v2(
    p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter, p_allow_corrections,
    p_resend, p_late, p_subscriptions) l
  where l.disposition = 'send'
  order by l.bucket_start, l.meter, l.company_id;
  get diagnostics v_items = row_count;
  select encode(sha256(convert_to(coalesce(
      string_agg(g.lines_hash, ',' order by g.company_id collate "C", g.meter collate "C"), ''), 'UTF8')), 'hex')
    into v_hash
    from (
      select i.company_id, i.meter, encode(sha256(convert_to(string_agg(public.billing_export_line_text_v2(
               i.company_id, i.meter, i.bucket_start, i.quantity, i.stripe_customer_id, i.event_name,
               i.customer_key, i.value_key, i.backend, i.sent_value, i.event_at, i.subscription_item),
               ',' order by i.bucket_start), 'UTF8')), 'hex') as lines_hash
      from public.billing_export_items i where i.batch_id = p_batch_id group by 1, 2) g;
  if v_hash <> p_lines_hash then
    raise exception 'Plan changed: usage, customers or meters are not what the plan showed.' using errcode = 'BL001',
      hint = 'Run the export without --confirm to see the new plan.';
  end if;
  perform public.billing_audit_append_v1(p_actor, 'export.opened', p_batch_id,
    jsonb_build_object('items', v_items, 'digest', p_digest, 'stripe_account_id', p_account, 'livemode', p_livemode,
                       'window_start', p_start, 'window_end', p_end));
  return jsonb_build_object('batch_id', p_batch_id, 'items', v_items);
end
$$;

-- The Stripe customers that an export is about, or null where more than p_limit rows have one.
create or replace function public.billing_export_customers_v1(p_company text default null, p_limit int default 10)
returns jsonb language sql stable set search_path = '' as $$
  select case when count(*) <= p_limit then coalesce(jsonb_agg(distinct found.customer), '[]') end
  from (select trim(c.stripe_customer_id) as customer from public.billing_companies c
        where trim(c.stripe_customer_id) <> '' and (p_company is null or c.company_id = p_company)
        limit p_limit + 1) found
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_export_lines_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb)',
  'public.billing_export_line_text_v2(text, text, timestamptz, numeric, text, text, text, text, text, numeric, timestamptz, text)',
  'public.billing_export_preview_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb)',
  'public.billing_export_open_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb, text, text, text, text)',
  'public.billing_export_customers_v1(text, int)'
]) as f;
