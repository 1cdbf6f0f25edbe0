-- Events from before their customer's company was known here, for its timeline; most deployments have few of them.
create index billing_webhooks_by_customer
  on public.billing_webhooks (stripe_customer_id, created_at) where company_id is null;
