-- What runs left behind, of exports and of rollbacks, found without going through what is under way.
drop index public.billing_export_items_orphans;
create index billing_export_items_orphans
  on public.billing_export_items (batch_id, state) where state in ('sending', 'cancelling') and claimed_by is null;

-- A rollback asks for its items in order: those up to here were asked for, or cannot be.
alter table public.billing_export_runners add column past_item_id bigint not null default 0;

-- Settled like the items of an export; a function cannot be replaced by one that returns more.
drop function if exists public.billing_rollback_settle_v1(text, text, text, jsonb);
drop function if exists public.billing_rollback_items_v1(text, jsonb);
