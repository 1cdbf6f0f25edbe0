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
  quantity numeric not null,    -- what this origin adds to the item's quantity
  usage_rows bigint not null,
  primary key (item_id, company_id, meter)
);

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

-- Their successors have other parameters, or answer more.
drop function if exists
  public.billing_export_open_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb,
                                text, text, text, text),
  public.billing_export_preview_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text,
                                   jsonb),
  public.billing_export_line_text_v2(text, text, timestamptz, numeric, text, text, text, text, text, numeric,
                                     timestamptz, text),
  public.billing_export_lines_v2(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb);
