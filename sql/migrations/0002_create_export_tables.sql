-- What an export is about to send, was told, and did.
create type public.billing_export_batch_state as enum (
  'open',  -- some items still have to be sent, or their outcome is not known yet
  'done'   -- every item is accepted, rejected or ambiguous
);

create type public.billing_export_item_state as enum (
  'pending',   -- planned; nothing has gone to Stripe under its identifier
  'sending',   -- claimed: it may or may not have reached Stripe
  'accepted',  -- Stripe answered 2xx, or that it already has this identifier
  'rejected',  -- Stripe answered that it will not take it; a later plan may send it anew
  'ambiguous'  -- it cannot be known any more whether Stripe counted it; never resent by itself
);

create table public.billing_export_batches (
  batch_id text primary key,
  stripe_account_id text not null,
  livemode boolean not null,
  window_start timestamptz not null,
  window_end timestamptz not null check (window_end > window_start),
  state public.billing_export_batch_state not null default 'open',
  plan_digest text not null,
  lines_hash text not null,
  actor text not null,
  opened_at timestamptz not null default now(),
  finished_at timestamptz,
  -- Who is sending it now. The lease runs on this clock only; an expired one may be taken over.
  runner text,
  runner_seen_at timestamptz,
  runner_expires_at timestamptz
);

-- Amounts reserved by an open batch must be settled before more is planned on top of them.
create unique index billing_export_batches_one_open
  on public.billing_export_batches (stripe_account_id, livemode) where state = 'open';

create table public.billing_export_items (
  item_id bigint generated always as identity primary key,
  batch_id text not null references public.billing_export_batches,
  stripe_account_id text not null,
  livemode boolean not null,
  company_id text not null,
  meter text not null,
  bucket_start timestamptz not null,
  quantity numeric not null,       -- what this event adds; negative for a correction
  usage_rows bigint not null,      -- usage rows this accounts for beyond earlier items of the bucket
  stripe_customer_id text not null,
  event_name text not null,
  customer_key text not null,
  value_key text not null,
  identifier text not null unique check (length(identifier) <= 100),
  state public.billing_export_item_state not null default 'pending',
  claimed_by text,                 -- the runner whose answer is awaited; null: an orphaned claim
  attempts integer not null default 0,
  first_sent_at timestamptz,       -- start of Stripe's 24 h deduplication window, at the earliest
  settled_at timestamptz,
  request_id text,
  error text
);

create index billing_export_items_by_bucket
  on public.billing_export_items (stripe_account_id, livemode, bucket_start)
  include (company_id, meter, quantity, usage_rows, state);
create index billing_export_items_by_state
  on public.billing_export_items (batch_id, state, item_id);

create table public.billing_audit_log (
  audit_id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  details jsonb not null,
  previous_hash text not null,
  hash text not null
);

alter table public.billing_export_batches enable row level security;
alter table public.billing_export_items enable row level security;
alter table public.billing_audit_log enable row level security;
revoke all on public.billing_export_batches, public.billing_export_items, public.billing_audit_log from public;

do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format(
      'revoke all on public.billing_export_batches, public.billing_export_items, public.billing_audit_log from %I',
      api_role);
    execute format('revoke all on sequence public.billing_export_items_item_id_seq, '
      'public.billing_audit_log_audit_id_seq from %I', api_role);
    execute format('revoke usage on type public.billing_export_batch_state, public.billing_export_item_state from %I',
      api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update on public.billing_export_batches, public.billing_export_items to service_role;
    grant select, insert on public.billing_audit_log to service_role;
    grant usage on sequence public.billing_export_items_item_id_seq, public.billing_audit_log_audit_id_seq
      to service_role;
    grant usage on type public.billing_export_batch_state, public.billing_export_item_state to service_role;
  end if;
end
$$;
