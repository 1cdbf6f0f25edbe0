-- An export's plan, and where it becomes a batch.

-- Of earlier versions. They go when their successors come, so that no export finds neither.
drop function if exists
  public.billing_export_customers_v1(text, int),
  public.billing_export_open_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb,
                                text, text, text, text),
  public.billing_export_preview_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text,
                                   jsonb),
  public.billing_export_line_text_v2(text, text, timestamptz, numeric, text, text, text, text, text, numeric,
                                     timestamptz, text),
  public.billing_export_line_text_v3(text, text, timestamptz, numeric, text, text, text, numeric, timestamptz, text),
  public.billing_export_lines_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb);

-- What is sent to one receiver, as text; the digest of a plan is made of these. A line is made of numbers only, and all
-- that its receiver decides is named once: this runs for every hour of a plan. Stable, as
-- extract is: it would not be inlined else.
create or replace function public.billing_export_line_text_v4(
  p_bucket timestamptz, p_quantity numeric, p_sent_value numeric, p_event_at timestamptz)
returns text language sql stable as $$
  select extract(epoch from p_bucket)::bigint || ' ' || trim_scale(p_quantity) || ' ' || trim_scale(p_sent_value)
    || ' ' || extract(epoch from p_event_at)::bigint
$$;

create or replace function public.billing_export_receiver_hash_v1(
  p_customer text, p_event_name text, p_customer_key text, p_value_key text, p_backend text, p_subscription_item text,
  p_lines text)
returns text language sql immutable as $$
  select encode(sha256(convert_to(json_build_array(
    p_customer, p_event_name, p_customer_key, p_value_key, p_backend, p_subscription_item, p_lines)::text, 'UTF8')), 'hex')
$$;

create or replace function public.billing_export_preview_v3(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text default null, p_meter text default null, p_allow_corrections boolean default false,
  p_resend boolean default false, p_late text default 'hold', p_subscriptions jsonb default null)
returns jsonb language sql stable
set search_path = '' set statement_timeout = '10min'
-- Estimates of nested CTEs are far off: other joins than by hash can take hours.
set jit = off set work_mem = '64MB' set enable_mergejoin = off set enable_nestloop = off set enable_sort = off as $$
  with lines as materialized (
    select * from public.billing_export_lines_v3(
      p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter, p_allow_corrections,
      p_resend, p_late, p_subscriptions)
  ),
  groups as (
    select l.stripe_customer_id, l.event_name,
           min(l.company_id collate "C") as company_id, min(l.meter collate "C") as meter,
           min(l.company_id collate "C") is distinct from max(l.company_id collate "C")
             or min(l.meter collate "C") is distinct from max(l.meter collate "C")
             or bool_or(l.origins is not null) as mixed,
           sum(l.usage_rows) as usage_rows, sum(l.quantity) as quantity,
           sum(l.accepted) as accepted, sum(l.reserved) as reserved,
           coalesce(sum(l.usage_rows) filter (where l.disposition = 'sent'), 0)
             + coalesce(sum(l.usage_rows - greatest(l.row_delta, 0)) filter (where l.disposition = 'send'), 0) as sent_rows,
           coalesce(sum(greatest(l.row_delta, 0)) filter (where l.disposition = 'send'), 0) as new_rows,
           coalesce(sum(l.delta) filter (where l.disposition = 'send' and l.delta > 0), 0) as to_send,
           coalesce(sum(l.delta) filter (where l.disposition in ('send', 'correction') and l.delta < 0), 0) as corrections,
           coalesce(sum(l.delta) filter (where l.disposition in ('correction', 'moved') and l.delta > 0), 0) as held_added,
           coalesce(sum(l.delta) filter (where l.disposition = 'correction' and l.delta < 0), 0) as held_removed,
           count(*) filter (where l.disposition = 'send') as buckets,
           count(*) filter (where l.disposition in ('send', 'correction') and l.delta < 0) as correction_buckets,
           coalesce(sum(l.delta) filter (where l.disposition = 'send' and l.unbilled), 0) as unbilled,
           coalesce(sum(l.delta) filter (where l.disposition = 'send' and l.event_at > l.bucket_start
                                         and not l.replaces), 0) as carried,
           min(l.bucket_start) filter (where l.disposition = 'send' and l.event_at > l.bucket_start
                                       and not l.replaces) as carried_from,
           max(l.event_at) filter (where l.disposition = 'send' and l.event_at > l.bucket_start
                                   and not l.replaces) as carried_to,
           public.billing_export_receiver_hash_v1(
             l.stripe_customer_id, l.event_name, min(l.customer_key), min(l.value_key), min(l.backend), min(l.subscription_item),
             string_agg(public.billing_export_line_text_v4(l.bucket_start, l.delta, l.sent_value, l.event_at), ','
                        order by l.bucket_start) filter (where l.disposition = 'send')) as lines_hash
    from lines l where l.disposition in ('send', 'sent', 'correction', 'moved')
    group by 1, 2
  ),
  names as (
    select l.stripe_customer_id, l.event_name,
           string_agg(distinct o.company_id, ', ' order by o.company_id) as company_id,
           string_agg(distinct o.meter, ', ' order by o.meter) as meter
    from lines l
    join groups g on g.stripe_customer_id = l.stripe_customer_id and g.event_name = l.event_name and g.mixed
    cross join lateral (
      select l.company_id, l.meter where l.origins is null
      union all
      select s.company_id, s.meter from jsonb_to_recordset(l.origins) as s(company_id text, meter text)) o
    where exists (select from groups where mixed) and l.disposition in ('send', 'sent', 'correction', 'moved')
    group by 1, 2
  ),
  -- Accepted usage per hour of the four weeks before, as an estimate of a usual window.
  history as (
    select i.stripe_customer_id, i.event_name, sum(i.quantity)
             / greatest(extract(epoch from p_start - min(i.bucket_start)) / 3600, 24) as hourly
    from public.billing_export_items i
    where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state = 'accepted'
      and i.bucket_start >= p_start - interval '28 days' and i.bucket_start < p_start
    group by 1, 2
  ),
  skipped as (
    select l.disposition, sum(greatest(l.row_delta, 0)) as skipped_rows, sum(l.usage_rows - greatest(l.row_delta, 0)) as sent_rows,
           count(*) as buckets, round(sum(l.delta), 30) as quantity,
           round(coalesce(sum(l.delta) filter (where l.delta > 0), 0), 30) as added,
           round(coalesce(sum(l.delta) filter (where l.delta < 0), 0), 30) as removed,
           (array_agg(distinct coalesce(l.company_id, 'NULL') || ' ' || coalesce(l.meter, 'NULL')))[1:3] as examples
    from lines l where l.disposition not in ('send', 'sent') group by 1
  ),
  slots as (
    select l.event_name, width_bucket(extract(epoch from l.bucket_start)::float8, extract(epoch from p_start)::float8,
             extract(epoch from p_end)::float8, 24) as slot, sum(l.quantity) as quantity
    from lines l where l.disposition in ('send', 'sent') group by 1, 2
  ),
  chosen as materialized (
    select * from public.billing_export_chosen_v1(p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter)
  )
  select jsonb_build_object(
    'now', now(),
    -- Counted anew from the table, so that the client can prove that no row got lost on the way.
    'window_rows', (select count(*) from public.billing_usage_events u
                    where u.occurred_at >= p_start and u.occurred_at < p_end
                      and ((select companies from chosen) is null or u.company_id = any ((select companies from chosen)::text[]))
                      and ((select meters from chosen) is null or u.meter = any ((select meters from chosen)::text[]))),
    'odd_rows', public.billing_doctor_odd_rows_v1(),
    'company_known', p_company is null or exists (
      select from public.billing_companies c where c.company_id = p_company) or exists (select from lines),
    'lines_hash', (select encode(sha256(convert_to(coalesce(
        string_agg(g.lines_hash, ',' order by g.stripe_customer_id collate "C", g.event_name collate "C"), ''), 'UTF8')), 'hex')
      from groups g where g.buckets > 0),
    'groups', (select coalesce(jsonb_agg(jsonb_build_object(
        'company_id', coalesce(n.company_id, g.company_id, ''), 'meter', coalesce(n.meter, g.meter, ''),
        'event_name', g.event_name, 'stripe_customer_id', g.stripe_customer_id,
        'company_name', (select min(c.name) from public.billing_companies c where c.company_id = g.company_id),
        'usage_rows', g.usage_rows, 'sent_rows', g.sent_rows, 'new_rows', g.new_rows,
        'quantity', trim_scale(g.quantity)::text, 'accepted', trim_scale(g.accepted)::text,
        'reserved', trim_scale(g.reserved)::text, 'to_send', trim_scale(g.to_send)::text,
        'corrections', trim_scale(g.corrections)::text, 'buckets', g.buckets,
        'held_added', trim_scale(g.held_added)::text, 'held_removed', trim_scale(g.held_removed)::text,
        'correction_buckets', g.correction_buckets, 'unbilled', trim_scale(g.unbilled)::text,
        'carried', trim_scale(g.carried)::text, 'carried_from', g.carried_from, 'carried_to', g.carried_to,
        'usual', (select trim_scale(round(h.hourly * extract(epoch from p_end - p_start) / 3600, 6))::text
                  from history h where h.stripe_customer_id = g.stripe_customer_id and h.event_name = g.event_name)
      ) order by coalesce(n.company_id, g.company_id) collate "C", coalesce(n.meter, g.meter) collate "C",
                 g.stripe_customer_id collate "C", g.event_name collate "C"), '[]')
      from groups g left join names n using (stripe_customer_id, event_name)),
    'skipped', (select coalesce(jsonb_agg(jsonb_build_object(
        'reason', s.disposition, 'usage_rows', s.skipped_rows, 'sent_rows', s.sent_rows, 'buckets', s.buckets,
        'quantity', trim_scale(s.quantity)::text, 'added', trim_scale(s.added)::text,
        'removed', trim_scale(s.removed)::text, 'examples', s.examples) order by s.disposition), '[]')
      from skipped s),
    'slots', (select coalesce(jsonb_agg(jsonb_build_object(
        'event_name', s.event_name, 'slot', s.slot, 'quantity', trim_scale(s.quantity)::text)
        order by s.event_name, s.slot), '[]') from slots s),
    'last_opened_at', (select max(b.opened_at) from public.billing_export_batches b
      where b.stripe_account_id = p_account and b.livemode = p_livemode),
    'open_batches', (select coalesce(jsonb_agg(public.billing_export_batch_summary_v1(b.batch_id)), '[]')
      from public.billing_export_batches b
      where b.stripe_account_id = p_account and b.livemode = p_livemode and b.state = 'open'))
$$;

-- Where a plan becomes a batch. The lines are computed again and must be those that were shown. The same call again
-- answers as the first one did.
create or replace function public.billing_export_open_v3(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text, p_meter text, p_allow_corrections boolean, p_resend boolean, p_late text, p_subscriptions jsonb,
  p_batch_id text, p_lines_hash text, p_digest text, p_actor text)
returns jsonb language plpgsql
set search_path = '' set statement_timeout = '10min'
-- Estimates of nested CTEs are far off: other joins than by hash can take hours.
set jit = off set work_mem = '64MB' set enable_mergejoin = off set enable_nestloop = off set enable_sort = off as $$
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
  -- First what lowers a total, so that Stripe never has more than the usage. Then hour by hour, so that neighbours
  -- belong to different customers and can be sent side by side.
  with lines as materialized (
    select l.*, row_number() over (order by l.step, l.bucket_start, l.event_name, l.stripe_customer_id) as place
    from public.billing_export_lines_v3(
      p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter, p_allow_corrections,
      p_resend, p_late, p_subscriptions) l
    where l.disposition = 'send'
  ),
  -- If an item has several origins, or earlier items of it came from others, each origin has its own part.
  named as (
    select l.place, o.company_id, o.meter, o.quantity, o.usage_rows
    from lines l
    cross join lateral (
      select l.company_id, l.meter, l.quantity, l.usage_rows where l.origins is null
      union all
      select s.company_id, s.meter, s.quantity, s.usage_rows
      from jsonb_to_recordset(l.origins) as s(company_id text, meter text, quantity numeric, usage_rows bigint)) o
    where (l.origins is not null or l.accepted + l.reserved <> 0) and o.company_id is not null
  ),
  counted as (
    select l.place, e.company_id, e.meter, sum(e.quantity) as quantity, sum(e.usage_rows) as usage_rows
    from lines l
    join public.billing_evidence_v1(p_account, p_livemode, p_start, p_end) e
      using (stripe_customer_id, event_name, bucket_start)
    where exists (select from lines where accepted + reserved <> 0)
    group by 1, 2, 3 having sum(e.quantity) <> 0 or sum(e.usage_rows) <> 0
  ),
  parts as (
    select d.*, count(*) over (partition by d.place) as parts
    from (
      select place, company_id, meter, coalesce(n.quantity, 0) - coalesce(c.quantity, 0) as quantity,
             coalesce(n.usage_rows, 0) - coalesce(c.usage_rows, 0) as usage_rows
      from named n full join counted c using (place, company_id, meter)) d
    where d.quantity <> 0 or d.usage_rows <> 0
  ),
  items as (
    insert into public.billing_export_items (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start,
      quantity, usage_rows, stripe_customer_id, event_name, customer_key, value_key,
      backend, replaces, sent_value, event_at, subscription_item, meter_id, step, identifier)
    select p_batch_id, p_account, p_livemode, case when p.place is null then l.company_id else p.company_id end,
           case when p.place is null then l.meter else p.meter end, l.bucket_start, l.delta, l.row_delta,
           l.stripe_customer_id, l.event_name, l.customer_key, l.value_key,
           l.backend, l.replaces, l.sent_value, l.event_at, l.subscription_item, nullif(l.meter_id, ''), l.step,
           p_batch_id || '-' || l.place
    from lines l
    left join (
      select place, case when count(*) = 1 then min(company_id) end as company_id, case when count(*) = 1 then min(meter) end as meter
      from parts group by 1) p using (place)
    order by l.place
    returning item_id, identifier
  )
  insert into public.billing_export_origins (item_id, company_id, meter, quantity, usage_rows)
  select i.item_id, p.company_id, p.meter, p.quantity, p.usage_rows
  from parts p
  join items i on i.identifier = p_batch_id || '-' || p.place
  where p.parts > 1;
  select count(*) into v_items from public.billing_export_items i where i.batch_id = p_batch_id;
  select encode(sha256(convert_to(coalesce(
      string_agg(g.lines_hash, ',' order by g.stripe_customer_id collate "C", g.event_name collate "C"), ''), 'UTF8')), 'hex')
    into v_hash
    from (
      select i.stripe_customer_id, i.event_name,
             public.billing_export_receiver_hash_v1(
               i.stripe_customer_id, i.event_name, min(i.customer_key), min(i.value_key), min(i.backend),
               min(i.subscription_item),
               string_agg(public.billing_export_line_text_v4(i.bucket_start, i.quantity, i.sent_value, i.event_at), ','
                          order by i.bucket_start)) as lines_hash
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

-- The Stripe customers that an export may be about, or null if there are more than p_limit.
create or replace function public.billing_export_customers_v2(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text default null, p_meter text default null, p_limit int default 10)
returns jsonb language sql stable set search_path = '' as $$
  select case when count(*) <= p_limit then coalesce(jsonb_agg(found.customer order by found.customer), '[]') end
  from (
    select named.customer from (
      select public.billing_customer_id_v1(c.stripe_customer_id) as customer from public.billing_companies c
      where p_company is null
      union
      select i.stripe_customer_id from public.billing_export_items i
      where p_company is null and i.stripe_account_id = p_account and i.livemode = p_livemode
        and i.bucket_start >= p_start and i.bucket_start < p_end
      union
      select unnest(n.customers)
      from public.billing_export_chosen_v1(p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter) n) named
    where named.customer is not null limit p_limit + 1) found
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_export_line_text_v4(timestamptz, numeric, numeric, timestamptz)',
  'public.billing_export_receiver_hash_v1(text, text, text, text, text, text, text)',
  'public.billing_export_preview_v3(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb)',
  'public.billing_export_open_v3(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb, text, text, text, text)',
  'public.billing_export_customers_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, int)'
]) as f;
