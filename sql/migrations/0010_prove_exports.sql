-- When each event was last handed to Stripe: a total that is read too soon after it proves nothing.
alter table public.billing_export_items add column last_sent_at timestamptz;
