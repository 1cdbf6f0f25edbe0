-- How old the last try is decides when an intent without an effect in Stripe has lapsed; the first try is too old for it.
alter table public.billing_intents
  add column last_sent_at timestamptz;  -- start of the last claim that may send, or the end of its tries

-- Not known of those that are under way: as if tried now.
update public.billing_intents set last_sent_at = now() where state = 'sending';

-- Its successor answers more.
drop function if exists public.billing_intent_claim_v1(text, text, text, text);
