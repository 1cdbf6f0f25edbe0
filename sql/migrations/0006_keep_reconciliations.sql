-- Comparisons that were saved, and the differences that are open until a later one finds them gone.
create table public.billing_reconciliations (
  reconciliation_id bigint generated always as identity primary key,
  subject text not null check (subject in ('payments', 'invoices', 'usage', 'payouts')),
  stripe_account_id text not null,
  livemode boolean not null,
  start_at timestamptz not null,
  end_at timestamptz not null,
  source text not null,             -- Stripe's lists, a report, or the name of a file
  rows_stripe bigint not null,
  rows_here bigint not null,
  different integer not null,
  appeared integer not null,        -- of them, new in this run
  gone integer not null,            -- open before, and found to agree
  plan_digest text not null,
  actor text not null,
  saved_at timestamptz not null default now()
);
create index billing_reconciliations_by_subject
  on public.billing_reconciliations (stripe_account_id, livemode, subject, saved_at);

create table public.billing_reconcile_differences (
  subject text not null,
  stripe_account_id text not null,
  livemode boolean not null,
  key text not null,                -- a payment, invoice or payout, or customer, meter and bucket
  verdict text not null,
  reason text not null,
  unit text not null,               -- a currency or a meter
  times integer not null,
  stripe numeric,                   -- minor units or a quantity
  here numeric,
  company_id text,
  happened_at timestamptz,          -- null where the row has no date
  first_seen_at timestamptz not null,
  last_id bigint not null references public.billing_reconciliations,
  gone_id bigint references public.billing_reconciliations,  -- the run that found it gone; null: open
  primary key (stripe_account_id, livemode, subject, key, verdict, reason, unit)
);
create index billing_reconcile_differences_open
  on public.billing_reconcile_differences (stripe_account_id, livemode, subject, key) where gone_id is null;

alter table public.billing_reconciliations enable row level security;
alter table public.billing_reconcile_differences enable row level security;
revoke all on public.billing_reconciliations, public.billing_reconcile_differences from public;

do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on public.billing_reconciliations, public.billing_reconcile_differences from %I', api_role);
    execute format('revoke all on sequence public.billing_reconciliations_reconciliation_id_seq from %I', api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update on public.billing_reconciliations, public.billing_reconcile_differences to service_role;
    grant usage on sequence public.billing_reconciliations_reconciliation_id_seq to service_role;
  end if;
end
$$;
