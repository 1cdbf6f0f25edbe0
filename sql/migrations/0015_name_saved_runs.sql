-- The program names each comparison that it saves, so that a save which a gateway repeats is kept once.
alter table public.billing_reconciliations add column save_key text unique;
