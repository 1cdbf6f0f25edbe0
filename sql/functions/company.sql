-- Companies: who a customer of Stripe is here.

-- All are in plpgsql, which looks for billing_customer_id_v1 when it runs: its file comes later.

-- One company. Raises BL004 where it is unknown, BL005 where a view has it with two customers.
create or replace function public.billing_company_v1(p_company_id text) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_names text[];
  v_customers text[];
begin
  select array_agg(distinct c.name), array_agg(distinct public.billing_customer_id_v1(c.stripe_customer_id))
    into v_names, v_customers
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
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_object_agg(found.customer, jsonb_build_object(
        'company_id', found.company_id, 'name', found.name, 'stripe_customer_id', found.customer)), '{}')
    from (
      select public.billing_customer_id_v1(c.stripe_customer_id) as customer,
             min(c.company_id) as company_id, min(c.name) as name
      from public.billing_companies c
      where public.billing_customer_id_v1(c.stripe_customer_id) in (select jsonb_array_elements_text(p_customer_ids))
      group by 1 having count(distinct c.company_id) = 1) found);
end
$$;

-- All of them at a glance: how many, how many have each plan, and which have no customer at Stripe (20 at most).
create or replace function public.billing_companies_summary_v1() returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    with lacking as (
      select c.company_id from public.billing_companies c
      group by 1 having count(public.billing_customer_id_v1(c.stripe_customer_id)) = 0)
    select jsonb_build_object(
      'companies', (select count(distinct c.company_id) from public.billing_companies c),
      'plans', (
        select coalesce(jsonb_object_agg(p.plan_id, p.companies), '{}')
        from (select c.plan_id, count(distinct c.company_id) as companies from public.billing_companies c
              where c.plan_id is not null group by 1) p),
      'without_customer', (select count(*) from lacking),
      'examples', (select coalesce(jsonb_agg(l.company_id order by l.company_id), '[]')
                   from (select company_id from lacking order by 1 limit 20) l)));
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_company_v1(text)',
  'public.billing_companies_by_customer_v1(jsonb)',
  'public.billing_companies_summary_v1()'
]) as f;
