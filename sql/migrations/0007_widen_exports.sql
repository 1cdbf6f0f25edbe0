-- Exports by several backends, of totals as well as amounts, proved, cancelled, and run by several processes.

-- A new type in place of added values, which could not be used before this transaction ends.
create type public.billing_export_item_state_new as enum (
  'pending',    -- planned; nothing has gone to Stripe under its identifier
  'sending',    -- claimed: it may or may not have reached Stripe
  'accepted',   -- Stripe answered 2xx, or that it already has this identifier
  'rejected',   -- Stripe will not take it, or told later that it did not; a later plan may send it anew
  'ambiguous',  -- it cannot be known any more whether Stripe counted it; never resent by itself
  'missing',    -- Stripe took it, and its totals do not have it; never resent by itself
  'cancelling', -- Stripe may or may not have been told to forget it
  'cancelled'   -- Stripe was told to forget it; sent again only where that is asked for
);
alter table public.billing_export_items alter column state drop default;
alter table public.billing_export_items
  alter column state type public.billing_export_item_state_new
  using state::text::public.billing_export_item_state_new;
alter table public.billing_export_items alter column state set default 'pending';
drop type public.billing_export_item_state;
alter type public.billing_export_item_state_new rename to billing_export_item_state;

create type public.billing_export_batch_state_new as enum (
  'open',         -- some items still have to be sent, or their outcome is not known yet
  'done',         -- every item has an outcome
  'rolling_back'  -- some items still have to be cancelled
);
drop index public.billing_export_batches_one_open;
alter table public.billing_export_batches alter column state drop default;
alter table public.billing_export_batches
  alter column state type public.billing_export_batch_state_new
  using state::text::public.billing_export_batch_state_new;
alter table public.billing_export_batches alter column state set default 'open';
drop type public.billing_export_batch_state;
alter type public.billing_export_batch_state_new rename to billing_export_batch_state;
create unique index billing_export_batches_one_open
  on public.billing_export_batches (stripe_account_id, livemode) where state = 'open';

-- `quantity` is what an item adds to what was sent of its bucket, whatever its event says.
alter table public.billing_export_items
  add column backend text not null default 'events' check (backend in ('events', 'stream', 'usage-records')),
  add column replaces boolean not null default false,  -- its event states the whole bucket, in place of earlier ones
  add column sent_value numeric,      -- the figure in its event: the quantity, the bucket's total, or whole units
  add column event_at timestamptz,    -- the event's own time; outside of its bucket where it was carried
  add column subscription_item text,  -- where usage records go; null for meter events
  add column verified_at timestamptz; -- when Stripe's totals last had it
update public.billing_export_items set sent_value = quantity, event_at = bucket_start;
alter table public.billing_export_items
  alter column sent_value set not null,
  alter column event_at set not null;

-- For proofs: all that Stripe should count in an hour of a customer and meter, whichever batch sent it.
create index billing_export_items_by_event
  on public.billing_export_items (stripe_account_id, livemode, stripe_customer_id, event_name, event_at);

-- Everything that sends a batch. A lease runs on this clock only; an expired one is taken away.
create table public.billing_export_runners (
  batch_id text not null references public.billing_export_batches,
  runner text not null,
  shares boolean not null,             -- whether it lets others send the same batch
  most_per_s real check (most_per_s > 0), -- events a second, for all runners of the batch together
  joined_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (batch_id, runner)
);
alter table public.billing_export_batches
  drop column runner, drop column runner_seen_at, drop column runner_expires_at,
  add column verified_at timestamptz;  -- when every item was found in Stripe's totals

-- Their successors have other parameters.
drop function if exists
  public.billing_export_lines_v1(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean),
  public.billing_export_line_text_v1(text, text, timestamptz, numeric, text, text, text, text),
  public.billing_export_preview_v1(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean),
  public.billing_export_open_v1(text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean,
                                text, text, text, text, text),
  public.billing_batch_acquire_v1(text, text, text, text),
  public.billing_batch_claim_v1(text, text, text, int);

alter table public.billing_export_runners enable row level security;
revoke all on public.billing_export_runners from public;
do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on public.billing_export_runners from %I', api_role);
    execute format('revoke usage on type public.billing_export_batch_state, public.billing_export_item_state from %I',
      api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update, delete on public.billing_export_runners to service_role;
    grant usage on type public.billing_export_batch_state, public.billing_export_item_state to service_role;
  end if;
end
$$;
