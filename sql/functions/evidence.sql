-- Where the usage of an item came from. Inlined into their callers: no SET clause, every name qualified.

-- The company of an item; of several origins all of them, with commas.
create or replace function public.billing_item_company_v1(i public.billing_export_items) returns text
language sql stable as $$
  select coalesce(i.company_id, (
    select string_agg(distinct o.company_id, ', ' order by o.company_id)
    from public.billing_export_origins o where o.item_id = i.item_id), '')
$$;

-- The usage meter of an item; of several origins all of them, with commas.
create or replace function public.billing_item_meter_v1(i public.billing_export_items) returns text
language sql stable as $$
  select coalesce(i.meter, (
    select string_agg(distinct o.meter, ', ' order by o.meter)
    from public.billing_export_origins o where o.item_id = i.item_id), '')
$$;

-- [{company_id, meter, quantity, usage_rows}], which add up to the item.
create or replace function public.billing_item_origins_v1(i public.billing_export_items) returns jsonb
language sql stable as $$
  select case
    when i.company_id is not null then jsonb_build_array(jsonb_build_object(
      'company_id', i.company_id, 'meter', i.meter, 'quantity', trim_scale(i.quantity)::text,
      'usage_rows', i.usage_rows))
    else (
      select coalesce(jsonb_agg(jsonb_build_object(
        'company_id', o.company_id, 'meter', o.meter, 'quantity', trim_scale(o.quantity)::text,
        'usage_rows', o.usage_rows) order by o.company_id, o.meter), '[]')
      from public.billing_export_origins o where o.item_id = i.item_id)
  end
$$;

-- Everything that Stripe counts or may count of some hours, by origin.
create or replace function public.billing_evidence_v1(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz)
returns table (
  item_id bigint, stripe_customer_id text, event_name text, bucket_start timestamptz,
  company_id text, meter text, quantity numeric, usage_rows bigint)
language sql stable as $$
  select i.item_id, i.stripe_customer_id, i.event_name, i.bucket_start, i.company_id, i.meter, i.quantity, i.usage_rows
  from public.billing_export_items i
  where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state not in ('rejected', 'cancelled')
    and i.bucket_start >= p_start and i.bucket_start < p_end and i.company_id is not null
  union all
  select i.item_id, i.stripe_customer_id, i.event_name, i.bucket_start, o.company_id, o.meter, o.quantity, o.usage_rows
  from public.billing_export_items i
  join public.billing_export_origins o on o.item_id = i.item_id
  where i.stripe_account_id = p_account and i.livemode = p_livemode and i.state not in ('rejected', 'cancelled')
    and i.bucket_start >= p_start and i.bucket_start < p_end and i.company_id is null
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_item_company_v1(public.billing_export_items)',
  'public.billing_item_meter_v1(public.billing_export_items)',
  'public.billing_item_origins_v1(public.billing_export_items)',
  'public.billing_evidence_v1(text, boolean, timestamptz, timestamptz)'
]) as f;
