-- So that an export finds at once what was taken back of its window; most deployments have none of it.
create index billing_export_items_cancelled
  on public.billing_export_items (stripe_account_id, livemode, bucket_start) where state = 'cancelled';

-- When Stripe was, or may have been, told to forget an event. What turns out not to be counted after that is cancelled.
alter table public.billing_export_items add column cancel_asked_at timestamptz;
