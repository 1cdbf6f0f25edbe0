-- One company's story: all that happened to it here and, as far as it was told here, at Stripe.

-- Who it is: {company_id, listed, stripe_customer_ids, plan_ids}; `listed` is false where billing_companies lacks it.
-- Raises BL004 for a company that none of these relations knows.
create or replace function public.billing_timeline_company_v1(p_company_id text) returns jsonb
language plpgsql stable set search_path = '' set statement_timeout = '5min' as $$
declare
  v_found jsonb;
begin
  select jsonb_build_object('company_id', p_company_id, 'listed', count(*) > 0,
      'stripe_customer_ids', coalesce(jsonb_agg(distinct i.customer) filter (where i.customer is not null), '[]'),
      'plan_ids', coalesce(jsonb_agg(distinct c.plan_id) filter (where c.plan_id <> ''), '[]'))
    into v_found
    from public.billing_companies c
    cross join lateral (select public.billing_customer_id_v1(c.stripe_customer_id) as customer) i
    where c.company_id = p_company_id;
  if (v_found ->> 'listed')::boolean
     or exists (select from public.billing_intents where company_id = p_company_id)
     or exists (select from public.billing_webhooks where company_id = p_company_id)
     or exists (select from public.billing_payments where company_id = p_company_id)
     or exists (select from public.billing_invoices where company_id = p_company_id)
     or exists (select from public.billing_export_items where company_id = p_company_id)
     or exists (select from public.billing_export_origins where company_id = p_company_id) then
    return v_found;
  end if;
  raise exception 'There is no company %.', p_company_id using errcode = 'BL004',
    hint = 'Check the id in billing_companies.';
end
$$;

-- What may be told of an event's body: a status, an amount, Stripe's request id. Nothing else of it leaves here:
-- bodies hold names, addresses and cards.
create or replace function public.billing_timeline_payload_v1(p_payload text) returns jsonb
language plpgsql immutable set search_path = '' as $$
declare
  v_body jsonb := public.billing_webhook_json_v1(p_payload);
  v_object jsonb := v_body #> '{data,object}';
  v_amount text := coalesce(v_object -> 'amount', v_object -> 'total')::text;
  v_currency text := substring(v_object ->> 'currency' from '^[a-z]{3}$');
  v_is_money boolean := coalesce(v_amount ~ '^-?\d{1,18}$' and v_currency is not null, false);
begin
  return jsonb_build_object(
    'object_status', substring(v_object ->> 'status' from '^[a-z_]{1,40}$'),
    'amount_minor', case when v_is_money then v_amount::bigint end,
    'currency', case when v_is_money then v_currency end,
    -- An object in snapshot events, plain text in old ones, under the reason in thin ones.
    'request_id', coalesce(
      substring(v_body #>> '{request,id}' from '^req_\w{1,80}$'), substring(v_body ->> 'request' from '^req_\w{1,80}$'),
      substring(v_body #>> '{reason,request,id}' from '^req_\w{1,80}$')));
end
$$;

-- Of an earlier version, whose items have no stripe_customer_id.
drop function if exists
  public.billing_timeline_v1(text, timestamptz, timestamptz, timestamptz, int, text, int);

-- A page in time order: {entries: [{at, kind, …}], count, last: {at, rank, key}}; go on after `last` until `count`
-- is less than p_limit. `at` is null for rows of the deployment's own relations that have no date; they come first,
-- where no p_since leaves them out. Usage is summed by UTC day and meter, as far as it lies in the window.
create or replace function public.billing_timeline_v2(
  p_company_id text, p_since timestamptz default null, p_until timestamptz default null,
  p_after timestamptz default null, p_after_rank int default 0, p_after_key text default '',
  p_limit int default 5000)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  with bounds as (
    select coalesce(p_since, '-infinity') as since, coalesce(p_after, '-infinity') as after,
           greatest(coalesce(p_since, '-infinity'), coalesce(p_after, '-infinity')) as least_at
  ),
  -- Customers of this company alone: of one that is shared, nobody could say whose its events are.
  customers as (
    select public.billing_customer_id_v1(c.stripe_customer_id) as stripe_customer_id
    from public.billing_companies c
    where public.billing_customer_id_v1(c.stripe_customer_id) in (
      select public.billing_customer_id_v1(o.stripe_customer_id) from public.billing_companies o
      where o.company_id = p_company_id)
    group by 1 having count(distinct c.company_id) = 1
  ),
  items as materialized (
    select i.*, coalesce(i.first_sent_at, b.opened_at) as at,
           coalesce(i.meter, o.meter) as usage_meter, coalesce(o.quantity, i.quantity) as share
    from public.billing_export_items i join public.billing_export_batches b using (batch_id)
    left join (
      -- Of an item with several origins, the part of this company.
      select n.item_id, string_agg(n.meter, ', ' order by n.meter) as meter, sum(n.quantity) as quantity
      from public.billing_export_origins n where n.company_id = p_company_id group by 1) o using (item_id), bounds
    where (i.company_id = p_company_id
           or i.item_id in (select n.item_id from public.billing_export_origins n where n.company_id = p_company_id))
      and coalesce(i.first_sent_at, b.opened_at) >= least_at
  ),
  happened (at, rank, kind, key, facts) as (
    select date_bin('1 day', u.occurred_at, '2000-01-01 00:00:00+00') as day, 1, 'usage', coalesce(u.meter, ''),
      jsonb_build_object('meter', u.meter, 'quantity', trim_scale(sum(u.quantity))::text, 'usage_rows', count(*))
    from public.billing_usage_events u, bounds
    where u.company_id = p_company_id and u.occurred_at >= least_at
      and (p_until is null or u.occurred_at < p_until)
    group by day, u.meter
    union all
    select a.approved_at, 2, 'approval', a.approval_id, jsonb_build_object(
      'approval_id', a.approval_id, 'livemode', a.livemode, 'command', a.command, 'maker', a.maker,
      'approver', a.approver, 'expires_at', a.expires_at, 'used_at', a.used_at, 'used_for', a.used_for)
    from public.billing_approvals a
    where a.approval_id in (select i.approval_id from public.billing_intents i where i.company_id = p_company_id)
    union all
    select b.opened_at, 3, 'batch', b.batch_id, jsonb_build_object(
      'batch_id', b.batch_id, 'livemode', b.livemode, 'state', b.state, 'actor', b.actor, 'items', m.items,
      'window_start', b.window_start, 'window_end', b.window_end,
      'finished_at', b.finished_at, 'verified_at', b.verified_at)
    from public.billing_export_batches b join (select batch_id, count(*) as items from items group by 1) m using (batch_id)
    union all
    select i.at, 4, 'item', lpad(i.item_id::text, 20, '0'), jsonb_build_object(
      'item_id', i.item_id, 'batch_id', i.batch_id, 'livemode', i.livemode, 'meter', i.usage_meter, 'state', i.state,
      'quantity', trim_scale(i.share)::text, 'bucket_start', i.bucket_start, 'event_at', i.event_at,
      'backend', i.backend, 'identifier', i.identifier, 'attempts', i.attempts, 'settled_at', i.settled_at,
      'verified_at', i.verified_at, 'request_id', i.request_id, 'error', i.error,
      'stripe_customer_id', i.stripe_customer_id, 'event_name', i.event_name)
    from items i
    union all
    select i.opened_at, 5, 'intent', i.intent_id, jsonb_build_object(
      'intent_id', i.intent_id, 'livemode', i.livemode, 'what', i.kind, 'subject', i.subject,
      'amount_minor', i.amount_minor, 'currency', i.currency, 'in_favour_of_company', i.in_favour_of_company,
      'reason', i.reason, 'state', i.state, 'actor', i.actor, 'approval_id', i.approval_id,
      'attempts', i.attempts, 'settled_at', i.settled_at, 'stripe_object_id', i.stripe_object_id,
      'stripe_status', i.stripe_status, 'request_id', i.request_id, 'error', i.error)
    from public.billing_intents i where i.company_id = p_company_id
    union all
    select a.created_at, 6, 'adjustment', lpad(a.adjustment_id::text, 20, '0'), jsonb_build_object(
      'adjustment_id', a.adjustment_id, 'intent_id', a.intent_id, 'what', a.kind, 'amount_minor', a.amount_minor,
      'currency', a.currency, 'reason', a.reason, 'stripe_object_id', a.stripe_object_id, 'actor', a.actor)
    from public.billing_adjustments a where a.company_id = p_company_id
    union all
    select coalesce(p.created_at, '-infinity'), 7, 'payment', coalesce(p.payment_intent_id, ''), jsonb_build_object(
      'payment_intent_id', p.payment_intent_id, 'amount_minor', p.amount_minor, 'refunded_minor', p.refunded_minor,
      'currency', p.currency, 'status', p.status)
    from public.billing_payments p where p.company_id = p_company_id
    union all
    select coalesce(i.created_at, '-infinity'), 8, 'invoice', coalesce(i.invoice_id, ''), jsonb_build_object(
      'invoice_id', i.invoice_id, 'number', i.number, 'status', i.status, 'currency', i.currency,
      'total_minor', i.total_minor, 'amount_paid_minor', i.amount_paid_minor)
    from public.billing_invoices i where i.company_id = p_company_id
    union all
    select w.created_at, 9, 'webhook', w.event_id, null
    from public.billing_webhooks w where w.company_id = p_company_id
    union all
    -- From before the company had this customer here.
    select w.created_at, 9, 'webhook', w.event_id, null
    from public.billing_webhooks w
    where w.company_id is null and w.stripe_customer_id in (select stripe_customer_id from customers)
  ),
  page as materialized (
    select h.* from happened h, bounds
    where (h.rank = 1 or h.at >= since) and (p_until is null or h.at < p_until)
      and (h.at, h.rank, h.key) > (after, p_after_rank, p_after_key)
    order by h.at, h.rank, h.key fetch first p_limit rows with ties
  )
  select jsonb_build_object(
    'entries', coalesce(jsonb_agg(
      jsonb_build_object('at', case when isfinite(p.at) then p.at end, 'kind', p.kind)
      || coalesce(p.facts, jsonb_build_object(
        'event_id', w.event_id, 'livemode', w.livemode, 'event_type', w.event_type, 'object_id', w.object_id,
        'state', w.state, 'attempts', w.attempts, 'received_at', w.received_at, 'settled_at', w.settled_at,
        'effect', w.effect, 'error', w.error) || public.billing_timeline_payload_v1(w.payload))
      order by p.at, p.rank, p.key), '[]'),
    'count', count(*),
    'last', (select jsonb_build_object('at', at, 'rank', rank, 'key', key)
             from page order by at desc, rank desc, key desc limit 1))
  from page p left join public.billing_webhooks w on p.kind = 'webhook' and w.event_id = p.key
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_timeline_company_v1(text)',
  'public.billing_timeline_payload_v1(text)',
  'public.billing_timeline_v2(text, timestamptz, timestamptz, timestamptz, int, text, int)'
]) as f;
