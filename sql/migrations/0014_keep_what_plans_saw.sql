-- A plan is refused if the objects it touches have changed since its facts were read.
alter table public.billing_intents
  add column touches text[] not null default '{}',  -- the payments, invoices and customers of Stripe that it changes
  add column seen jsonb;                            -- Stripe's own amounts at the time of the plan, by their names

update public.billing_intents i set touches = array(
  select distinct o from unnest(array[
    i.subject, i.request ->> 'payment_intent', i.request ->> 'invoice', i.request ->> 'customer']) o
  where o is not null);

create index billing_intents_by_touched on public.billing_intents using gin (touches);

-- The one that does not compare must not be called any more.
drop function if exists public.billing_intents_open_v1(text, boolean, text, text, text, jsonb, jsonb, text);
