-- Money moved by hand: what is about to happen in Stripe, under which key, and what came of it.
create type public.billing_intent_state as enum (
  'open',     -- written down; nothing has gone to Stripe under its key
  'sending',  -- claimed: it may or may not have reached Stripe
  'done',     -- Stripe carried it out
  'refused',  -- Stripe said no, or the facts had changed right before sending; nothing was done
  'lapsed'    -- proved to have had no effect, and its key cannot be used any more
);

create type public.billing_intent_kind as enum (
  'refund',        -- money back for a payment
  'credit_note',   -- a correction of a finalized invoice, with or without money back
  'invoice_item',  -- a line on a draft or on the next invoice
  'balance',       -- credit or debit on the customer's balance
  'mark_paid'      -- an invoice that was paid outside of Stripe
);

create table public.billing_intents (
  -- Stripe's idempotency key, and `billing_intent` in the metadata of what Stripe makes of it.
  intent_id text primary key check (length(intent_id) between 1 and 255),
  stripe_account_id text not null,
  livemode boolean not null,
  command text not null,
  kind public.billing_intent_kind not null,
  company_id text not null,
  subject text not null,           -- the payment, invoice or customer that has one open intent at most
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  in_favour_of_company boolean not null,  -- true: a credit or a refund; false: a charge
  request jsonb not null,          -- Stripe's parameters, exactly as sent
  reason text not null,
  note text,
  source_key text,                 -- the line of a file this comes from
  plan_digest text not null,
  approval_id text,
  actor text not null,
  state public.billing_intent_state not null default 'open',
  opened_at timestamptz not null default now(),
  claimed_by text,
  claimed_until timestamptz,
  attempts integer not null default 0,
  first_sent_at timestamptz,       -- start of the 24 h for which Stripe keeps the key, at the earliest
  settled_at timestamptz,
  stripe_object_id text,
  stripe_status text,              -- of a refund: pending, requires_action, succeeded, failed, canceled
  request_id text,
  error text
);

-- Two operators at once cannot exceed what remains: the second finds the first one's open intent.
create unique index billing_intents_one_open
  on public.billing_intents (stripe_account_id, livemode, subject) where state in ('open', 'sending');
-- A line of a file is carried out once.
create unique index billing_intents_one_per_line
  on public.billing_intents (stripe_account_id, livemode, source_key)
  where source_key is not null and state in ('open', 'sending', 'done');
create index billing_intents_by_subject on public.billing_intents (subject, opened_at);
create index billing_intents_by_command
  on public.billing_intents (stripe_account_id, livemode, command, opened_at) include (currency, amount_minor, state);
create index billing_intents_by_company on public.billing_intents (company_id, opened_at);

create table public.billing_adjustments (
  adjustment_id bigint generated always as identity primary key,
  intent_id text not null references public.billing_intents,
  company_id text not null,
  kind public.billing_intent_kind not null,
  amount_minor bigint not null check (amount_minor <> 0),  -- positive: charged to the company; negative: in its favour
  currency text not null,
  reason text not null,
  note text,
  stripe_object_id text,
  actor text not null,
  created_at timestamptz not null default now()
);

-- Once in its favour and once back, should the refund fail later.
create unique index billing_adjustments_once
  on public.billing_adjustments (intent_id, (amount_minor > 0));
create index billing_adjustments_by_company on public.billing_adjustments (company_id, created_at);

alter table public.billing_intents enable row level security;
alter table public.billing_adjustments enable row level security;
revoke all on public.billing_intents, public.billing_adjustments from public;

do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on public.billing_intents, public.billing_adjustments from %I', api_role);
    execute format('revoke all on sequence public.billing_adjustments_adjustment_id_seq from %I', api_role);
    execute format('revoke usage on type public.billing_intent_state, public.billing_intent_kind from %I', api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update on public.billing_intents to service_role;
    grant select, insert on public.billing_adjustments to service_role;
    grant usage on sequence public.billing_adjustments_adjustment_id_seq to service_role;
    grant usage on type public.billing_intent_state, public.billing_intent_kind to service_role;
  end if;
end
$$;
