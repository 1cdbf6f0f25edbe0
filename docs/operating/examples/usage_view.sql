-- The four relations that billing reads, as views over the tables of your_tables.sql.
-- To be run as the owner of those tables, before `billing db migrate`, which leaves alone what is there.

create or replace view public.billing_companies with (security_invoker = true) as
select id::text as company_id, title as name, stripe_id as stripe_customer_id, tier as plan_id
from app.tenants;

create or replace view public.billing_usage_events with (security_invoker = true) as
select -- A number that stays with the row. Where the key is a bigint, take that.
       ('x' || left(md5(id::text), 16))::bit(64)::bigint as usage_event_id,
       tenant::text as company_id,
       kind as meter,
       units::numeric as quantity,
       at as occurred_at,
       written_at as recorded_at,
       id::text as source_id
from app.usage_log;

create or replace view public.billing_payments with (security_invoker = true) as
select stripe_payment as payment_intent_id, tenant::text as company_id, cents as amount_minor,
       refunded_cents as refunded_minor, lower(currency) as currency, state as status, at as created_at
from app.charges;

create or replace view public.billing_invoices with (security_invoker = true) as
select stripe_invoice as invoice_id, tenant::text as company_id, nr as number, state as status,
       lower(currency) as currency, cents as total_minor, paid_cents as amount_paid_minor, at as created_at
from app.bills;

-- An export asks for a window of time and reads these three columns.
create index if not exists usage_log_by_time on app.usage_log (at) include (tenant, kind, units);

-- Supabase's roles, where they are. Views in `public` may be open to the first two by default, and closed to the third.
do $$
declare
  api_role name;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on public.billing_companies, public.billing_usage_events, public.billing_payments, '
      'public.billing_invoices from %I', api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select on public.billing_companies, public.billing_usage_events to service_role;
    grant select, update on public.billing_payments, public.billing_invoices to service_role;
    -- With security_invoker the key's role needs the tables behind the views too.
    grant usage on schema app to service_role;
    grant select on app.tenants, app.usage_log, app.charges, app.bills to service_role;
    grant update (refunded_cents) on app.charges to service_role;
    grant update (state, paid_cents) on app.bills to service_role;
  end if;
end
$$;
