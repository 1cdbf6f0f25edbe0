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

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_reconcile_payments_v1(timestamptz, timestamptz, text, int)',
  'public.billing_reconcile_payments_by_id_v1(jsonb)',
  'public.billing_reconcile_invoices_v1(timestamptz, timestamptz, text, int)'
]) as f;
