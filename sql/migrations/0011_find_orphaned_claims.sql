-- What runs left behind, found without going through what is under way.
create index billing_export_items_orphans
  on public.billing_export_items (batch_id) where state = 'sending' and claimed_by is null;
