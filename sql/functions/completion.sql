-- What a shell offers for the beginning of an id, with a few words on each: [{id, says}], bounded, read-only.

create or replace function public.billing_complete_companies_v1(p_prefix text, p_at_most int) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', c.company_id, 'says', c.name) order by c.company_id), '[]')
  from (select company_id, min(name) as name from public.billing_companies
        where starts_with(company_id, p_prefix) group by 1 order by 1 limit least(p_at_most, 100)) c
$$;

create or replace function public.billing_complete_batches_v1(p_prefix text, p_at_most int) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', b.batch_id, 'says', b.says) order by b.opened_at desc), '[]')
  from (select batch_id, opened_at, format('%s, usage from %s', state,
          to_char(window_start at time zone 'utc', 'YYYY-MM-DD')) as says
        from public.billing_export_batches where starts_with(batch_id, p_prefix)
        order by opened_at desc limit least(p_at_most, 100)) b
$$;

create or replace function public.billing_complete_intents_v1(p_prefix text, p_at_most int) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', i.intent_id, 'says', i.says) order by i.opened_at desc), '[]')
  from (select intent_id, opened_at, format('%s, %s, %s', state, kind, company_id) as says
        from public.billing_intents where starts_with(intent_id, p_prefix)
        order by opened_at desc limit least(p_at_most, 100)) i
$$;

create or replace function public.billing_complete_approvals_v1(p_prefix text, p_at_most int) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', a.approval_id, 'says', a.says) order by a.approved_at desc), '[]')
  from (select approval_id, approved_at, format('%s of %s by %s', command, maker, approver) as says
        from public.billing_approvals
        where starts_with(approval_id, p_prefix) and used_at is null and revoked_at is null
        order by approved_at desc limit least(p_at_most, 100)) a
$$;

create or replace function public.billing_complete_events_v1(p_prefix text, p_at_most int) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', e.event_id, 'says', e.says)
      order by e.created_at desc, e.sequence desc), '[]')
  from (select event_id, created_at, sequence, format('%s, %s', state, event_type) as says
        from public.billing_webhooks where starts_with(event_id, p_prefix)
        order by created_at desc, sequence desc limit least(p_at_most, 100)) e
$$;

create or replace function public.billing_complete_payments_v1(
  p_prefix text, p_at_most int, p_company_id text default null) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', p.payment_intent_id, 'says', p.says)
      order by p.created_at desc nulls last), '[]')
  from (select payment_intent_id, created_at, format('%s, %s', status,
          to_char(created_at at time zone 'utc', 'YYYY-MM-DD')) as says
        from public.billing_payments
        where starts_with(payment_intent_id, p_prefix) and (p_company_id is null or company_id = p_company_id)
        order by created_at desc nulls last limit least(p_at_most, 100)) p
$$;

create or replace function public.billing_complete_invoices_v1(
  p_prefix text, p_at_most int, p_company_id text default null) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', i.invoice_id, 'says', i.says)
      order by i.created_at desc nulls last), '[]')
  from (select invoice_id, created_at, format('%s, %s', status, number) as says
        from public.billing_invoices
        where starts_with(invoice_id, p_prefix) and (p_company_id is null or company_id = p_company_id)
        order by created_at desc nulls last limit least(p_at_most, 100)) i
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_complete_companies_v1(text, int)',
  'public.billing_complete_batches_v1(text, int)',
  'public.billing_complete_intents_v1(text, int)',
  'public.billing_complete_approvals_v1(text, int)',
  'public.billing_complete_events_v1(text, int)',
  'public.billing_complete_payments_v1(text, int, text)',
  'public.billing_complete_invoices_v1(text, int, text)'
]) as f;
