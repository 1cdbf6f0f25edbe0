-- The lines of an export: usage minus sent usage, per receiver. A receiver is a Stripe customer, event name and
-- bucket; our own names for them (company, usage meter) route usage and may change at any time.

-- A Stripe customer id without the blanks and invisible characters around it; null if nothing is left.
create or replace function public.billing_customer_id_v1(p_id text) returns text
language sql immutable parallel safe as $$
  select nullif(btrim(p_id, U&' \0009\000A\000B\000C\000D\0085\00A0\00AD\061C\1680\180E\2000\2001\2002\2003\2004\2005'
    || U&'\2006\2007\2008\2009\200A\200B\200C\200D\200E\200F\2028\2029\202A\202B\202C\202D\202E\202F\205F\2060'
    || U&'\2061\2062\2063\2064\2066\2067\2068\2069\3000\FEFF'), '')
$$;

-- The companies, usage meters, Stripe customers and event names that p_company and p_meter choose. Null: all.
-- Chosen are receivers: those of the company and meter now, those that got their usage before, and all usage of these.
create or replace function public.billing_export_chosen_v1(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text, p_meter text)
returns table (companies text[], meters text[], customers text[], events text[])
language sql stable as $$
  with named as (
    select
      case when p_company is not null then array(
        select public.billing_customer_id_v1(c.stripe_customer_id) from public.billing_companies c
        where c.company_id = p_company
        union
        select e.stripe_customer_id from public.billing_evidence_v1(p_account, p_livemode, p_start, p_end) e
        where e.company_id = p_company) end as customers,
      case when p_meter is not null then array(
        select m.event_name from jsonb_to_recordset(p_meters) as m(meter text, event_name text) where m.meter = p_meter
        union
        select e.event_name from public.billing_evidence_v1(p_account, p_livemode, p_start, p_end) e
        where e.meter = p_meter) end as events
  )
  select
    case when p_company is not null then array(
      select p_company
      union
      select c.company_id from public.billing_companies c
      where public.billing_customer_id_v1(c.stripe_customer_id) = any (n.customers)) end,
    case when p_meter is not null then array(
      select p_meter
      union
      select m.meter from jsonb_to_recordset(p_meters) as m(meter text, event_name text)
      where m.event_name = any (n.events)) end,
    n.customers, n.events
  from named n
$$;

-- One row per receiver, one per origin whose usage has no receiver, and one per origin with unusable rows.
--   send, sent          to be sent; nothing more to send
--   any other           the reason for which its new rows are skipped
-- A bucket is an hour, or a day where the meter counts whole days. p_meters are the routes, also those that no usage
-- meter takes now (meter is null). p_subscriptions names what Stripe still bills, or is null if Stripe was not asked:
-- {stripe_customer_id, event_name, subscription_item, began, open_from, current_from, open_until}. Usage from `began`
-- up to `open_from` is on final invoices, that from there up to `open_until` (null: without end) is still to be
-- invoiced, up to `current_from` on a draft; for all the rest there is no subscription.
-- p_late decides about buckets on final invoices: send, carry or hold.
-- Inlined into its callers on purpose: no SET clause, every name qualified.
create or replace function public.billing_export_lines_v3(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb,
  p_company text, p_meter text, p_allow_corrections boolean, p_resend boolean, p_late text, p_subscriptions jsonb)
returns table (
  disposition text, company_id text, meter text, bucket_start timestamptz,
  usage_rows bigint,      -- good rows of the bucket
  row_delta bigint,       -- good rows beyond those behind what was sent; negative when rows went away
  quantity numeric, accepted numeric, reserved numeric, delta numeric,
  stripe_customer_id text, event_name text, customer_key text, value_key text,
  backend text, replaces boolean, sent_value numeric, event_at timestamptz, subscription_item text,
  unbilled boolean,       -- Stripe counts it, and the customer's subscriptions do not reach its time
  origins jsonb,          -- [{company_id, meter, quantity, usage_rows}], null if there is one at most
  meter_id text,
  step int)               -- 1 lowers a total; 2 does not; 3 waits for those of 1 of its receiver or hour, 4 for all of 1
language sql stable as $$
  with meters as (
    select m.meter, m.event_name, m.problem, m.bucket, m.aggregation,
           count(m.meter) over (partition by m.event_name) > 1 as shared
    from jsonb_to_recordset(p_meters)
      as m(meter text, event_name text, problem text, bucket text, aggregation text)
  ),
  receivers as (
    select distinct on (m.event_name) m.*, ('1 ' || m.bucket)::interval as width, to_timestamp(m.meter_created_s) as made_at
    from jsonb_to_recordset(p_meters)
      as m(event_name text, customer_key text, value_key text, problem text, bucket text, aggregation text,
           replaces boolean, backend text, unit numeric, meter_id text, meter_created_s bigint)
    where m.problem is distinct from 'no_meter'
    order by m.event_name
  ),
  companies as (
    select found.*, count(*) over (partition by found.stripe_customer_id) > 1 as shared
    from (
      select c.company_id, min(public.billing_customer_id_v1(c.stripe_customer_id)) as stripe_customer_id,
             count(distinct public.billing_customer_id_v1(c.stripe_customer_id)) > 1 as conflicting
      from public.billing_companies c
      where c.company_id is not null
      group by 1) found
  ),
  hours as (
    select u.company_id, u.meter, date_bin('1 hour', u.occurred_at, '2000-01-01 00:00:00+00') as bucket_start,
           count(g.quantity) as good_rows, sum(g.quantity) as quantity, count(*) as all_rows
    from public.billing_usage_events u
    -- Null for NaN and the infinities. Stripe takes 15 digits, so nothing beyond 1e30 or 30 decimals is meant.
    cross join lateral (
      select case when u.quantity > -1e30 and u.quantity < 1e30 and (scale(u.quantity) <= 30 or min_scale(u.quantity) <= 30)
                  then u.quantity end as quantity) g
    where u.occurred_at >= p_start and u.occurred_at < p_end
    group by 1, 2, 3
  ),
  usage as (
    select * from hours h
    where h.meter is null or h.meter <> all (array(select m.meter from meters m where m.bucket = 'day' and m.meter is not null))
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
      select date_bin(('1 ' || m.bucket)::interval, u.occurred_at, '2000-01-01 00:00:00+00') as bucket_start) b
    where exists (select from meters where aggregation = 'last')
      and u.occurred_at >= p_start and u.occurred_at < p_end
      and u.quantity > -1e30 and u.quantity < 1e30 and (scale(u.quantity) <= 30 or min_scale(u.quantity) <= 30)
    order by u.company_id, u.meter, b.bucket_start, u.occurred_at desc, u.usage_event_id desc
  ),
  origins as (
    select company_id, meter, bucket_start,
           u.good_rows, u.all_rows - u.good_rows as bad_rows, coalesce(l.quantity, u.quantity, 0) as quantity,
           case when c.company_id is null then 'unknown_company'
                when c.conflicting then 'conflicting_company'
                when c.stripe_customer_id is null then 'no_customer'
                when m.meter is null or m.problem = 'no_meter' then 'no_meter' end as stray,
           c.stripe_customer_id, m.event_name, c.shared or m.shared as shared
    from usage u
    left join lasts l using (company_id, meter, bucket_start)
    left join companies c using (company_id)
    left join meters m using (meter)
  ),
  -- Stripe meters that are younger than the window: usage may have been sent to an earlier one of the same event name.
  renewed as (
    select r.event_name, r.meter_id, r.made_at from receivers r where r.made_at > p_start
  ),
  items as (
    select i.stripe_customer_id, i.event_name, i.bucket_start, false as former,
           i.company_id, i.meter, i.quantity, i.usage_rows, i.state
    from public.billing_export_items i
    where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state <> 'rejected'
      and i.bucket_start >= p_start and i.bucket_start < p_end
      and i.event_name <> all (array(select n.event_name from renewed n))
    union all
    select i.stripe_customer_id, i.event_name, i.bucket_start,
           case when i.meter_id is null then coalesce(i.first_sent_at < n.made_at, false) else i.meter_id <> n.meter_id end,
           i.company_id, i.meter, i.quantity, i.usage_rows, i.state
    from public.billing_export_items i
    join renewed n on n.event_name = i.event_name
    where exists (select from renewed)
      and i.stripe_account_id = p_account and i.livemode = p_livemode and i.state <> 'rejected'
      and i.bucket_start >= p_start and i.bucket_start < p_end
  ),
  sent as (
    select i.stripe_customer_id, i.event_name, i.bucket_start, i.former,
           min(i.company_id collate "C") as company_id, min(i.meter collate "C") as meter,
           coalesce(sum(i.usage_rows) filter (where i.state <> 'cancelled'), 0) as sent_rows,
           coalesce(sum(i.quantity) filter (where i.state = 'accepted'), 0) as accepted,
           coalesce(sum(i.quantity) filter (where i.state not in ('accepted', 'cancelled')), 0) as reserved,
           coalesce(sum(i.quantity) filter (where i.state = 'ambiguous'), 0) as doubtful,
           bool_or(i.state = 'cancelling') as cancelling, count(*) as items
    from items i
    group by 1, 2, 3, 4
  ),
  -- Of a meter that replaces, Stripe has the value of the last event. That is not the sum of the items if older
  -- versions sent one for each of several companies or meters.
  totals as (
    select i.stripe_customer_id, i.event_name, i.bucket_start, f.former,
           coalesce((array_agg(i.sent_value order by i.event_at desc, i.item_id desc)
             filter (where i.state = 'accepted'))[1], 0) * min(r.unit) as accepted,
           coalesce((array_agg(i.sent_value order by i.event_at desc, i.item_id desc))[1], 0) * min(r.unit) as total
    from public.billing_export_items i
    join receivers r on r.event_name = i.event_name and r.replaces
    left join renewed n on n.event_name = i.event_name
    cross join lateral (
      select coalesce(case when i.meter_id is null then i.first_sent_at < n.made_at else i.meter_id <> n.meter_id end, false)
        as former) f
    where exists (select from receivers where replaces)
      and i.stripe_account_id = p_account and i.livemode = p_livemode and i.state not in ('rejected', 'cancelled')
      and i.bucket_start >= p_start and i.bucket_start < p_end
    group by 1, 2, 3, 4
    having min(i.company_id) <> max(i.company_id) or min(i.meter) <> max(i.meter)
  ),
  -- Buckets of which something was taken back, and nothing was sent on request since.
  taken_back as (
    select distinct c.stripe_customer_id, c.event_name, c.bucket_start
    from public.billing_export_items c
    where c.stripe_account_id = p_account and c.livemode = p_livemode and c.state = 'cancelled'
      and c.bucket_start >= p_start and c.bucket_start < p_end
      and not exists (
        select from public.billing_export_items i
        join public.billing_export_batches b on b.batch_id = i.batch_id
        where i.stripe_account_id = p_account and i.livemode = p_livemode and i.bucket_start = c.bucket_start
          and i.bucket_start >= p_start and i.bucket_start < p_end
          and i.stripe_customer_id = c.stripe_customer_id and i.event_name = c.event_name
          and i.state not in ('rejected', 'cancelled') and b.opened_at > c.settled_at)
  ),
  -- Usage that cannot be routed now and was sent before stays counted at its receiver, as far as it is still there.
  kept as (
    select e.*, case when e.quantity > 0 then greatest(0, least(e.quantity, e.usage - e.before))
                     else least(0, greatest(e.quantity, e.usage - e.before)) end as kept,
           least(e.usage_rows, greatest(0, e.good_rows - e.rows_before)) as kept_rows
    from (
      select e.*, s.quantity as usage, s.good_rows,
             coalesce(sum(e.quantity) over earlier, 0) as before,
             coalesce(sum(e.usage_rows) over earlier, 0) as rows_before
      from (
        select v.stripe_customer_id, v.event_name, v.bucket_start, v.company_id, v.meter,
               sum(v.quantity) as quantity, sum(v.usage_rows)::bigint as usage_rows
        from public.billing_evidence_v1(p_account, p_livemode, p_start, p_end) v
        where exists (select from origins where stray is not null)
        group by 1, 2, 3, 4, 5
        having sum(v.quantity) <> 0 or sum(v.usage_rows) <> 0) e
      join origins s on s.company_id = e.company_id and s.meter = e.meter and s.bucket_start = e.bucket_start
        and s.stray is not null
      window earlier as (partition by e.company_id, e.meter, e.bucket_start order by e.stripe_customer_id, e.event_name
                         rows between unbounded preceding and 1 preceding)) e
  ),
  -- Receivers of one origin need no adding up, and most are; if usage is kept anywhere, all are added up.
  routed as (
    select o.stripe_customer_id, o.event_name, o.bucket_start, false as former, o.company_id, o.meter,
           o.good_rows, o.quantity, null::jsonb as origins
    from origins o
    where o.stray is null and not o.shared and not exists (select from kept where kept <> 0 or kept_rows <> 0)
    union all
    select o.stripe_customer_id, o.event_name, o.bucket_start, false,
           min(o.company_id collate "C"), min(o.meter collate "C"), sum(o.good_rows)::bigint, sum(o.quantity),
           jsonb_agg(jsonb_build_object('company_id', o.company_id, 'meter', o.meter, 'quantity', o.quantity,
                                        'usage_rows', o.good_rows))
             filter (where o.shared)
    from (
      select company_id, meter, bucket_start, stripe_customer_id, event_name, good_rows, quantity, shared
      from origins
      where stray is null and (shared or exists (select from kept where kept <> 0 or kept_rows <> 0))
      union all
      select company_id, meter, bucket_start, stripe_customer_id, event_name, kept_rows, kept, true
      from kept where kept <> 0 or kept_rows <> 0) o
    group by 1, 2, 3
  ),
  buckets as (
    select stripe_customer_id, event_name, bucket_start, former,
           coalesce(u.company_id, s.company_id) as company_id, coalesce(u.meter, s.meter) as meter, u.origins,
           coalesce(u.good_rows, 0) as good_rows, coalesce(u.quantity, 0) as quantity,
           coalesce(t.accepted, s.accepted, 0) as accepted, coalesce(t.total - t.accepted, s.reserved, 0) as reserved,
           coalesce(s.sent_rows, 0)::bigint as sent_rows, coalesce(s.items, 0) as items,
           coalesce(s.doubtful, 0) as doubtful, coalesce(s.cancelling, false) as cancelling,
           k.stripe_customer_id is not null as rolled_back
    from routed u
    full join sent s using (stripe_customer_id, event_name, bucket_start, former)
    left join totals t using (stripe_customer_id, event_name, bucket_start, former)
    left join taken_back k using (stripe_customer_id, event_name, bucket_start)
  ),
  subscriptions as (
    select s.stripe_customer_id, s.event_name, min(s.began) as began, min(s.open_from) as open_from,
           max(s.current_from) as current_from, max(coalesce(s.open_until, 'infinity')) as open_until,
           min(s.subscription_item) as subscription_item, count(distinct s.subscription_item) > 1 as conflicting
    from jsonb_to_recordset(p_subscriptions)
      as s(stripe_customer_id text, event_name text, subscription_item text, began timestamptz,
           open_from timestamptz, current_from timestamptz, open_until timestamptz)
    group by 1, 2
  ),
  measured as (
    select b.*, b.quantity - b.accepted - b.reserved as delta,
           r.event_name is not null as known, r.customer_key, r.value_key, r.problem, r.meter_id,
           r.bucket, r.width, r.aggregation, r.backend, r.replaces, r.unit,
           s.subscription_item, s.event_name is not null as subscribed, s.conflicting as conflicting_subscription,
           s.open_from, s.open_until, s.current_from,
           -- Totals stay in their bucket, and an ended subscription has no period to move to.
           not r.replaces and s.open_from < s.open_until as movable,
           case when s.event_name is null then false
                else b.bucket_start + r.width <= s.began or b.bucket_start >= s.open_until end as unbilled
    from buckets b
    left join receivers r on r.event_name = b.event_name
    left join subscriptions s on s.stripe_customer_id = b.stripe_customer_id and s.event_name = b.event_name
  ),
  -- A bucket in which the open period begins is taken to be of it: its event moves a part of an hour.
  judged as (
    select m.*, case when m.unit <> 1 then m.quantity / m.unit when m.replaces then m.quantity else m.delta end as sent_value,
           case when m.open_from is null then false
                else not m.unbilled and m.bucket_start < m.open_from
                     and not (m.movable and m.open_from < m.bucket_start + m.width) end as late
    from measured m
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
  ),
  -- `lower` is decided below, beside the other receivers.
  ruled as materialized (
    select t.*, case
           when t.bucket = 'day' and (t.bucket_start < p_start or t.bucket_start + interval '1 day' > p_end)
             then 'partial_window'
           when t.delta = 0 and (t.accepted <> 0 or t.reserved <> 0 or t.sent_rows > 0) then 'sent'
           when not t.known then 'no_meter'
           when t.former then 'former_meter'
           when t.problem is not null then t.problem
           when t.cancelling and t.delta < 0 then 'rolled_back'
           when t.rolled_back and not p_resend and (t.delta <> 0 or t.good_rows > 0) then 'rolled_back'
           when t.backend = 'usage-records' and p_subscriptions is not null and (t.unbilled or not t.subscribed)
             then 'no_subscription'
           when t.backend = 'usage-records' and t.conflicting_subscription then 'conflicting_subscription'
           when t.delta = 0 and t.aggregation <> 'last' then 'zero_total'
           when t.late and (p_late = 'hold' or (p_late = 'carry' and not t.movable))
             then case when t.delta < 0 then 'credit_due' when t.open_from = t.open_until then 'ended' else 'late' end
           -- An hour inside Stripe's 35 days, so that it is still good when its turn comes.
           when t.event_at < (select now() - interval '35 days' + interval '1 hour') then 'too_old'
           when t.backend = 'usage-records' and (t.sent_value < 0 or t.sent_value <> trunc(t.sent_value)) then 'not_whole'
           -- Counting digits is dear, and most amounts are small.
           when (abs(t.sent_value) >= 1e9 or scale(t.sent_value) > 6)
             and (length(ltrim(replace(trim_scale(abs(t.sent_value))::text, '.', ''), '0')) > 15
               or scale(trim_scale(t.sent_value)) > 30) then 'too_precise'
           when t.aggregation = 'last' and t.good_rows = 0 and not p_allow_corrections then 'value_gone'
           -- What may not be counted must not be taken back.
           when t.doubtful <> 0 and t.delta < 0 and t.accepted + t.delta < least(t.quantity, 0) then 'in_doubt'
           when t.delta < 0 and t.aggregation <> 'last' then 'lower'
           else 'send'
         end as rule,
         coalesce(t.event_at < t.current_from, false) as on_draft
    from timed t
  ),
  chosen as materialized (
    select * from public.billing_export_chosen_v1(p_account, p_livemode, p_start, p_end, p_meters, p_company, p_meter)
  ),
  -- Receivers whose total of a billing period would shrink, by all of its changes.
  short as (
    select r.stripe_customer_id, r.event_name, r.on_draft
    from ruled r
    where not p_allow_corrections and exists (select from ruled where rule = 'lower')
      and r.rule in ('send', 'lower') and r.aggregation <> 'last'
    group by 1, 2, 3 having sum(r.delta) < 0
  ),
  -- `goes` by the first judgement, `short`; a run for a company or meter does not send the corrections of others.
  removals as (
    select r.stripe_customer_id, r.event_name, r.former, r.bucket_start, r.delta, r.on_draft,
           r.rule in ('send', 'lower') as correctable,
           r.rule in ('send', 'lower') and h.stripe_customer_id is null
             and coalesce(n.customers is null or r.stripe_customer_id = any (n.customers), false)
             and coalesce(n.events is null or r.event_name = any (n.events), false) as goes
    from ruled r cross join chosen n
    left join short h using (stripe_customer_id, event_name, on_draft)
    where r.delta < 0 and r.accepted + r.reserved > 0
  ),
  additions as (
    select r.stripe_customer_id, r.event_name, r.bucket_start, r.delta
    from ruled r where r.delta > 0 and r.rule = 'send' and exists (select from removals)
  ),
  -- Only removals that --allow-corrections would send have marks: increases would wait for the others for ever.
  -- Usage that left one receiver and came to another has equal marks: amounts of an hour or of the whole window, at one
  -- event name or customer, or of all receivers together. Of removals with equal marks one stands for all, if there is
  -- one that does not go: many customers may have equal amounts.
  left_marks as materialized (
    select distinct on (k.mark, k.bucket_start, k.name, k.amount) k.*, m.*
    from (
      select m.stripe_customer_id as from_customer, m.event_name as from_event, m.former, m.on_draft, m.goes, m.correctable,
             m.bucket_start as from_bucket, m.delta,
             sum(m.delta) over (partition by m.bucket_start, m.event_name) as hour_delta,
             sum(m.delta) over (partition by m.stripe_customer_id, m.event_name, m.on_draft) as window_delta
      from removals m) m
    cross join lateral (values
      ('hour event', m.from_bucket, m.from_event, - m.delta), ('hour customer', m.from_bucket, m.from_customer, - m.delta),
      ('hour total', m.from_bucket, m.from_event, - m.hour_delta),
      ('window event', p_start, m.from_event, - m.window_delta),
      ('window customer', p_start, m.from_customer, - m.window_delta)) as k(mark, bucket_start, name, amount)
    where m.correctable
    order by k.mark, k.bucket_start, k.name, k.amount, m.goes
  ),
  came_marks as materialized (
    select k.*, a.stripe_customer_id, a.event_name, a.bucket_start as to_bucket
    from (
      select a.*, sum(a.delta) over (partition by a.bucket_start, a.event_name) as hour_delta,
             sum(a.delta) over (partition by a.stripe_customer_id, a.event_name) as window_delta
      from additions a) a
    cross join lateral (values
      ('hour event', a.bucket_start, a.event_name, a.delta), ('hour customer', a.bucket_start, a.stripe_customer_id, a.delta),
      ('hour total', a.bucket_start, a.event_name, a.hour_delta),
      ('window event', p_start, a.event_name, a.window_delta),
      ('window customer', p_start, a.stripe_customer_id, a.window_delta)) as k(mark, bucket_start, name, amount)
  ),
  -- Materialized, so that the planner cannot join by the hour alone.
  came_from as materialized (
    select a.stripe_customer_id, a.event_name, a.bucket_start, o.company_id, o.meter, o.quantity
    from additions a join origins o using (stripe_customer_id, event_name, bucket_start)
    where o.stray is null
  ),
  -- Evidence of removals whose company and meter have another receiver now.
  left_behind as materialized (
    select m.stripe_customer_id as from_customer, m.event_name as from_event, m.former, m.on_draft, m.goes,
           m.correctable, m.bucket_start, e.company_id, e.meter, sum(e.quantity) as quantity
    from removals m
    join public.billing_evidence_v1(p_account, p_livemode, p_start, p_end) e
      using (stripe_customer_id, event_name, bucket_start)
    where exists (select from additions)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9 having sum(e.quantity) > 0
  ),
  -- Companies and meters with less usage in such an hour than was left behind: the rest may be in any other hour.
  scattered as (
    select distinct on (l.company_id, l.meter) l.*
    from left_behind l left join origins o using (company_id, meter, bucket_start)
    where coalesce(o.quantity, 0) < l.quantity and l.correctable
    order by l.company_id, l.meter, l.goes
  ),
  -- Evidence without usage in its hour, and usage without evidence: one company under two names, if only one such usage
  -- of the event name and hour is large enough.
  newcomers as (
    select distinct on (c.event_name, c.bucket_start) c.*,
           lead(c.quantity) over (partition by c.event_name, c.bucket_start order by c.quantity desc) as second
    from came_from c
    where exists (select from left_behind) and not exists (
      select from public.billing_evidence_v1(p_account, p_livemode, p_start, p_end) e
      where e.company_id = c.company_id and e.meter = c.meter and e.bucket_start = c.bucket_start)
    order by c.event_name, c.bucket_start, c.quantity desc
  ),
  renamed as (
    select l.*, c.stripe_customer_id, c.event_name
    from left_behind l
    join newcomers c on c.event_name = l.from_event and c.bucket_start = l.bucket_start
    where l.correctable and c.stripe_customer_id <> l.from_customer
      and c.quantity > l.quantity and (c.second is null or c.second <= l.quantity)
      and not exists (
        select from origins o
        where o.company_id = l.company_id and o.meter = l.meter and o.bucket_start = l.bucket_start)
  ),
  -- `apart`: neither of one receiver nor of one hour.
  moves as (
    select l.from_customer, l.from_event, l.on_draft, l.goes, c.stripe_customer_id, c.event_name,
           c.to_bucket as bucket_start, l.mark like 'window%' as apart
    from left_marks l join came_marks c using (mark, bucket_start, name, amount)
    where l.former or (l.from_customer, l.from_event) <> (c.stripe_customer_id, c.event_name)
    union
    select r.from_customer, r.from_event, r.on_draft, r.goes, r.stripe_customer_id, r.event_name, r.bucket_start, false
    from renamed r
    union
    select l.from_customer, l.from_event, l.on_draft, l.goes, c.stripe_customer_id, c.event_name, c.bucket_start, false
    from left_behind l join came_from c using (company_id, meter, bucket_start)
    where l.former or (l.from_customer, l.from_event) <> (c.stripe_customer_id, c.event_name)
    union
    select l.from_customer, l.from_event, l.on_draft, l.goes, c.stripe_customer_id, c.event_name, c.bucket_start, true
    from scattered l join came_from c using (company_id, meter)
    where l.former or (l.from_customer, l.from_event) <> (c.stripe_customer_id, c.event_name)
  ),
  -- And those whose total would shrink without the increases that are held as moved: these cover nothing.
  shrinking as (
    select * from short
    union
    select r.stripe_customer_id, r.event_name, r.on_draft
    from ruled r
    left join (select distinct stripe_customer_id, event_name, bucket_start from moves where not goes) v
      on v.stripe_customer_id = r.stripe_customer_id and v.event_name = r.event_name
        and v.bucket_start = r.bucket_start and r.delta > 0
    where not p_allow_corrections and exists (select from moves where not goes)
      and r.rule in ('send', 'lower') and r.aggregation <> 'last' and v.stripe_customer_id is null
    group by 1, 2, 3 having sum(r.delta) < 0
  ),
  moved as (
    select m.stripe_customer_id, m.event_name, m.bucket_start, bool_and(m.apart) as apart,
           bool_or(not m.goes or h.stripe_customer_id is not null) as held
    from moves m
    left join shrinking h on h.stripe_customer_id = m.from_customer and h.event_name = m.from_event
      and h.on_draft = m.on_draft
    group by 1, 2, 3
  ),
  lowered as (
    select distinct m.stripe_customer_id, m.event_name from removals m
    left join shrinking h using (stripe_customer_id, event_name, on_draft)
    where m.goes and h.stripe_customer_id is null
  ),
  decided as (
    select r.*, case
        when r.rule in ('send', 'lower') and r.aggregation <> 'last' and h.stripe_customer_id is not null then 'correction'
        when r.rule = 'lower' then 'send'
        when r.rule = 'send' and r.delta > 0 and v.held then 'moved'
        else r.rule
      end as disposition,
      case when r.delta < 0 then 1 when v.apart then 4 when v.held is not null or w.event_name is not null then 3 else 2 end as step
    from ruled r
    left join shrinking h using (stripe_customer_id, event_name, on_draft)
    left join moved v on v.stripe_customer_id = r.stripe_customer_id and v.event_name = r.event_name
      and v.bucket_start = r.bucket_start and not r.former
    left join lowered w on w.stripe_customer_id = r.stripe_customer_id and w.event_name = r.event_name
  )
  select d.disposition, d.company_id, d.meter, d.bucket_start, d.good_rows, d.good_rows - d.sent_rows,
         d.quantity, d.accepted, d.reserved, d.delta,
         d.stripe_customer_id, d.event_name, d.customer_key, d.value_key,
         d.backend, d.replaces, d.sent_value, d.event_at, d.subscription_item, d.unbilled, d.origins, d.meter_id,
         d.step
  from decided d
  cross join chosen n
  where (d.good_rows > 0 or d.delta <> 0)
    and (n.customers is null or d.stripe_customer_id = any (n.customers))
    and (n.events is null or d.event_name = any (n.events))
  union all
  select o.stray, o.company_id, o.meter, o.bucket_start,
         o.good_rows - coalesce(k.kept_rows, 0), o.good_rows - coalesce(k.kept_rows, 0),
         o.quantity - coalesce(k.kept, 0), 0, 0, o.quantity - coalesce(k.kept, 0),
         null, null, null, null, null, null, null, null, null, false, null, null, 2
  from origins o
  cross join chosen n
  left join (
    select e.company_id, e.meter, e.bucket_start, sum(e.kept) as kept, sum(e.kept_rows)::bigint as kept_rows
    from kept e group by 1, 2, 3) k
    on k.company_id = o.company_id and k.meter = o.meter and k.bucket_start = o.bucket_start
  where o.stray is not null
    and (o.good_rows > coalesce(k.kept_rows, 0) or o.quantity <> coalesce(k.kept, 0))
    and (n.companies is null or o.company_id = any (n.companies)) and (n.meters is null or o.meter = any (n.meters))
  union all
  select 'bad_quantity', o.company_id, o.meter, o.bucket_start, o.bad_rows, o.bad_rows, 0, 0, 0, 0,
         null, null, null, null, null, null, null, null, null, false, null, null, 2
  from origins o cross join chosen n
  where o.bad_rows > 0
    and (n.companies is null or o.company_id = any (n.companies)) and (n.meters is null or o.meter = any (n.meters))
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_customer_id_v1(text)',
  'public.billing_export_chosen_v1(text, boolean, timestamptz, timestamptz, jsonb, text, text)',
  'public.billing_export_lines_v3(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb)'
]) as f;
