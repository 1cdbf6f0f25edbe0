-- Sent usage belongs to a receiver: account, mode, Stripe customer, event name and hour. The columns of items have
-- this since the first version. Company and meter remain as evidence of where usage came from; an item of several
-- origins has them in billing_export_origins, and null here.
alter table public.billing_export_items
  alter column company_id drop not null,
  alter column meter drop not null,
  add column meter_id text,                     -- Stripe's id of the meter; null: not known, or usage records
  add column step smallint not null default 2;  -- 1 lowers a total; 2 does not; 3 does not, and waits for step 1

create table public.billing_export_origins (
  item_id bigint not null references public.billing_export_items,
  company_id text not null,
  meter text not null,
  quantity numeric not null,    -- the part of this origin in the quantity of the item
  usage_rows bigint not null,
  primary key (item_id, company_id, meter)
);

create index billing_export_origins_by_company on public.billing_export_origins (company_id);

alter table public.billing_export_origins enable row level security;
revoke all on public.billing_export_origins from public;
do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on public.billing_export_origins from %I', api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert on public.billing_export_origins to service_role;
  end if;
end
$$;
