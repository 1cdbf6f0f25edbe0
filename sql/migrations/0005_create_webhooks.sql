-- Stripe's events as they arrived or were fetched, what became of them, and sending them again.
create type public.billing_webhook_state as enum (
  'received',    -- kept; no handler has taken it yet
  'processing',  -- a handler claimed it; after its lease another may
  'processed',   -- its effects are done
  'failed'       -- a handler gave up on it, with the reason; it may be claimed again
);

create table public.billing_webhooks (
  event_id text primary key,        -- Stripe's; the same event again is the same row
  sequence bigint generated always as identity,
  event_type text not null,
  thin boolean not null,
  livemode boolean not null,
  stripe_account_id text,           -- named by events of connected accounts and by thin ones
  api_version text,
  created_at timestamptz not null,  -- when it happened at Stripe
  object_id text,                   -- what it is about; its events are replayed in order
  stripe_customer_id text,
  company_id text,                  -- as known when it was kept
  payload text not null,            -- the body as Stripe signed it
  source text not null check (source in ('delivery', 'fetch')),
  deliveries integer not null,      -- how often Stripe brought it; 0: fetched only
  received_at timestamptz not null default now(),
  last_received_at timestamptz not null default now(),
  state public.billing_webhook_state not null default 'received',
  attempts integer not null default 0,
  claimed_by text,
  claimed_until timestamptz,
  settled_at timestamptz,
  error text,
  effect text                       -- what keeping it changed here: an intent or export items
);

create index billing_webhooks_by_time on public.billing_webhooks (created_at, sequence);
create index billing_webhooks_by_company on public.billing_webhooks (company_id, created_at) where company_id is not null;
create index billing_webhooks_open on public.billing_webhooks (created_at, sequence) where state <> 'processed';
-- A refund's event finds the intent that made it.
create index billing_intents_by_object on public.billing_intents (stripe_object_id) where stripe_object_id is not null;

create table public.billing_webhook_replays (
  replay_id text primary key,
  target text not null,             -- the URL, or the endpoint that Stripe resends to
  livemode boolean not null,
  plan_digest text not null,
  actor text not null,
  opened_at timestamptz not null default now(),
  finished_at timestamptz,
  runner text,                      -- who is at it; the lease runs on this clock only
  runner_expires_at timestamptz
);

create type public.billing_webhook_replay_state as enum ('pending', 'delivered', 'failed');

create table public.billing_webhook_replay_items (
  replay_id text not null references public.billing_webhook_replays,
  position integer not null,        -- Stripe's order
  event_id text not null references public.billing_webhooks,
  state public.billing_webhook_replay_state not null default 'pending',
  attempts integer not null default 0,
  status_code integer,
  took_ms integer,
  error text,
  settled_at timestamptz,
  primary key (replay_id, position)
);
create index billing_webhook_replay_items_by_event on public.billing_webhook_replay_items (event_id);

alter table public.billing_webhooks enable row level security;
alter table public.billing_webhook_replays enable row level security;
alter table public.billing_webhook_replay_items enable row level security;
revoke all on public.billing_webhooks, public.billing_webhook_replays, public.billing_webhook_replay_items from public;

do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on public.billing_webhooks, public.billing_webhook_replays, '
      'public.billing_webhook_replay_items from %I', api_role);
    execute format('revoke all on sequence public.billing_webhooks_sequence_seq from %I', api_role);
    execute format('revoke usage on type public.billing_webhook_state, public.billing_webhook_replay_state from %I',
      api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update on public.billing_webhooks, public.billing_webhook_replays,
      public.billing_webhook_replay_items to service_role;
    grant usage on sequence public.billing_webhooks_sequence_seq to service_role;
    grant usage on type public.billing_webhook_state, public.billing_webhook_replay_state to service_role;
  end if;
end
$$;
