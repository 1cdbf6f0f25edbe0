-- Companies: who a customer of Stripe is here.

-- One company. Raises BL004 where it is unknown, BL005 where a view has it with two customers.
create or replace function public.billing_company_v1(p_company_id text) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_names text[];
  v_customers text[];
begin
  select array_agg(distinct c.name), array_agg(distinct c.stripe_customer_id) into v_names, v_customers
    from public.billing_companies c where c.company_id = p_company_id;
  if v_customers is null then
    raise exception 'There is no company %.', p_company_id using errcode = 'BL004',
      hint = 'Check the id in billing_companies.';
  end if;
  if cardinality(v_customers) > 1 then
    raise exception 'Company % has more than one Stripe customer.', p_company_id using errcode = 'BL005',
      hint = 'Leave one row for it in billing_companies.';
  end if;
  return jsonb_build_object('company_id', p_company_id, 'name', v_names[1], 'stripe_customer_id', v_customers[1]);
end
$$;

-- Companies by Stripe customer: {"cus_…": {company_id, name, stripe_customer_id}}; unknown customers are missing.
-- A customer that several companies share is missing too: nobody could say whose it is.
create or replace function public.billing_companies_by_customer_v1(p_customer_ids jsonb) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(found.customer, jsonb_build_object(
      'company_id', found.company_id, 'name', found.name, 'stripe_customer_id', found.customer)), '{}')
  from (
    select c.stripe_customer_id as customer, min(c.company_id) as company_id, min(c.name) as name
    from public.billing_companies c
    where c.stripe_customer_id in (select jsonb_array_elements_text(p_customer_ids))
    group by 1 having count(distinct c.company_id) = 1) found
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_company_v1(text)',
  'public.billing_companies_by_customer_v1(jsonb)'
]) as f;
