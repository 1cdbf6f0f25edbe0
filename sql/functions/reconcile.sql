-- What reconciliation reads of the deployment's own relations: pages of JSON lines, by key, nothing left out.

-- A page of payments created in [p_since, p_until): {rows, count, last}; go on after `last` until `count` is 0.
-- The first page has the rows without an id or a date too: a view may have them, and none may be lost.
create or replace function public.billing_reconcile_payments_v1(
  p_since timestamptz, p_until timestamptz, p_after text default null, p_limit int default 20000)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  with page as (
    (select p.payment_intent_id as key, p.* from public.billing_payments p
     where p_after is null and (p.created_at is null
       or (coalesce(p.payment_intent_id, '') = '' and p.created_at >= p_since and p.created_at < p_until)))
    union all
    (select p.payment_intent_id, p.* from public.billing_payments p
     where p.payment_intent_id > coalesce(p_after, '') and p.created_at >= p_since and p.created_at < p_until
     order by p.payment_intent_id fetch first p_limit rows with ties)
  )
  select jsonb_build_object('rows', coalesce(string_agg(json_build_object(
      'payment_intent_id', payment_intent_id, 'company_id', company_id, 'amount_minor', amount_minor,
      'refunded_minor', refunded_minor, 'currency', currency, 'status', status,
      'created_s', extract(epoch from created_at), 'asked_for', false)::text, e'\n'), ''),
    'count', count(*),
    'last', coalesce(max(key) filter (where created_at is not null), p_after, ''))
  from page
$$;

-- Payments by id, whenever they were created: rows as above.
create or replace function public.billing_reconcile_payments_by_id_v1(p_payment_intent_ids jsonb)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  select jsonb_build_object('rows', coalesce(string_agg(json_build_object(
      'payment_intent_id', p.payment_intent_id, 'company_id', p.company_id, 'amount_minor', p.amount_minor,
      'refunded_minor', p.refunded_minor, 'currency', p.currency, 'status', p.status,
      'created_s', extract(epoch from p.created_at), 'asked_for', true)::text, e'\n'), ''), 'count', count(*))
  from public.billing_payments p
  where p.payment_intent_id in (select jsonb_array_elements_text(p_payment_intent_ids))
$$;

-- A page of invoices, like the pages of payments.
create or replace function public.billing_reconcile_invoices_v1(
  p_since timestamptz, p_until timestamptz, p_after text default null, p_limit int default 20000)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  with page as (
    (select i.invoice_id as key, i.* from public.billing_invoices i
     where p_after is null and (i.created_at is null
       or (coalesce(i.invoice_id, '') = '' and i.created_at >= p_since and i.created_at < p_until)))
    union all
    (select i.invoice_id, i.* from public.billing_invoices i
     where i.invoice_id > coalesce(p_after, '') and i.created_at >= p_since and i.created_at < p_until
     order by i.invoice_id fetch first p_limit rows with ties)
  )
  select jsonb_build_object('rows', coalesce(string_agg(json_build_object(
      'invoice_id', invoice_id, 'company_id', company_id, 'number', number, 'total_minor', total_minor,
      'paid_minor', amount_paid_minor, 'currency', currency, 'status', status,
      'created_s', extract(epoch from created_at))::text, e'\n'), ''),
    'count', count(*),
    'last', coalesce(max(key) filter (where created_at is not null), p_after, ''))
  from page
$$;

-- Usage and exported amounts by receiver (customer, event name, hour), including receivers that belong to no company
-- now: rows as above. The caller asks day by day; `sent_s` is when the last of it was settled, in epoch seconds.
-- Stripe counts by the event's own time: what was carried is taken off its bucket and put where it went, as rows of
-- the disposition `carried`.
create or replace function public.billing_reconcile_usage_v1(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz, p_meters jsonb)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min'
set jit = off set work_mem = '64MB' set enable_mergejoin = off set enable_nestloop = off as $$
  with items as not materialized (
    select i.* from public.billing_export_items i
    where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state not in ('rejected', 'cancelled')
  ),
  sent as (
    select i.stripe_customer_id, i.event_name, i.bucket_start, max(i.settled_at) as sent_at
    from items i where i.bucket_start >= p_start and i.bucket_start < p_end
    group by 1, 2, 3
  ),
  carried as (
    select i as item, date_bin('1 hour', i.event_at, '2000-01-01 00:00:00+00') as counted_in
    from public.billing_export_items i
    where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state not in ('rejected', 'cancelled')
      and i.event_at - i.bucket_start >= interval '1 hour'
  ),
  moved as (
    select c.item, (c.item).bucket_start as at, -1 as sign from carried c
    where (c.item).bucket_start >= p_start and (c.item).bucket_start < p_end
    union all
    select c.item, c.counted_in, 1 from carried c where c.counted_in >= p_start and c.counted_in < p_end
  ),
  lines as (
    select l.disposition, l.company_id, l.meter, l.stripe_customer_id, l.event_name, l.bucket_start,
           l.quantity, l.accepted, l.reserved, s.sent_at, l.backend
    from public.billing_export_lines_v3(
      p_account, p_livemode, p_start, p_end, p_meters, null, null, true, true, 'send', null) l
    left join sent s using (stripe_customer_id, event_name, bucket_start)
    union all
    select 'carried', public.billing_item_company_v1(m.item), public.billing_item_meter_v1(m.item),
           (m.item).stripe_customer_id, (m.item).event_name, m.at,
           m.sign * (m.item).quantity, case when (m.item).state = 'accepted' then m.sign * (m.item).quantity else 0 end,
           case when (m.item).state <> 'accepted' then m.sign * (m.item).quantity else 0 end,
           (m.item).settled_at, (m.item).backend
    from moved m
  )
  select jsonb_build_object('rows', coalesce(string_agg(json_build_object(
      'disposition', l.disposition, 'company_id', l.company_id, 'meter', l.meter, 'customer_id', l.stripe_customer_id,
      'event_name', l.event_name, 'bucket_s', extract(epoch from l.bucket_start)::bigint,
      'quantity', round(l.quantity, 15)::text, 'accepted', round(l.accepted, 15)::text,
      'reserved', round(l.reserved, 15)::text, 'sent_s', extract(epoch from l.sent_at), 'backend', l.backend)::text, e'\n'), ''),
    'count', count(*))
  from lines l
$$;

-- A page of the Stripe customers that companies have, or that got usage of the window: {customers, last}; go on after
-- `last` until there are none.
create or replace function public.billing_reconcile_customers_v2(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz,
  p_after text default '', p_limit int default 5000)
returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object('customers', coalesce(jsonb_agg(customer order by customer), '[]'), 'last', max(customer))
  from (
    select named.customer from (
      select public.billing_customer_id_v1(c.stripe_customer_id) as customer from public.billing_companies c
      union
      select i.stripe_customer_id from public.billing_export_items i
      where i.stripe_account_id = p_account and i.livemode = p_livemode
        and i.bucket_start >= p_start and i.bucket_start < p_end) named
    where named.customer > p_after order by 1 limit p_limit) found
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_reconcile_payments_v1(timestamptz, timestamptz, text, int)',
  'public.billing_reconcile_payments_by_id_v1(jsonb)',
  'public.billing_reconcile_invoices_v1(timestamptz, timestamptz, text, int)',
  'public.billing_reconcile_usage_v1(text, boolean, timestamptz, timestamptz, jsonb)',
  'public.billing_reconcile_customers_v2(text, boolean, timestamptz, timestamptz, text, int)'
]) as f;
drop function if exists public.billing_reconcile_customers_v1(text, int);
