-- Outside a transaction: built concurrently, so that no export waits. The remains of an interrupted build are dropped first.
set statement_timeout = 0;
drop index concurrently if exists public.billing_export_items_by_receiver;
create index concurrently billing_export_items_by_receiver
  on public.billing_export_items (stripe_account_id, livemode, bucket_start)
  include (stripe_customer_id, event_name, company_id, meter, quantity, usage_rows, state);
drop index concurrently if exists public.billing_export_items_lowering;
create index concurrently billing_export_items_lowering
  on public.billing_export_items (batch_id, state) where step = 1;
drop index concurrently if exists public.billing_export_items_by_bucket;
reset statement_timeout;
