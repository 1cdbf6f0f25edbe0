-- Usage whose event stands outside of its bucket, for comparisons with what Stripe counted there.
create index billing_export_items_carried
  on public.billing_export_items (stripe_account_id, livemode, event_at)
  where event_at - bucket_start >= interval '1 hour';

-- Its successor returns more; a function cannot be replaced by one of another type.
drop function if exists public.billing_export_lines_v2(
  text, boolean, timestamptz, timestamptz, jsonb, text, text, boolean, boolean, text, jsonb);
