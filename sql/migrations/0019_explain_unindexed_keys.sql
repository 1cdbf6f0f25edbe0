-- Database linters ask for an index on every foreign key, or a reason.
comment on constraint billing_reconcile_differences_last_id_fkey on public.billing_reconcile_differences is
  'No index: runs that were saved are never deleted, so that nothing looks for the rows that refer to one.';
comment on constraint billing_reconcile_differences_gone_id_fkey on public.billing_reconcile_differences is
  'No index: runs that were saved are never deleted, so that nothing looks for the rows that refer to one.';
