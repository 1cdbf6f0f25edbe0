-- Invoices: Stripe's list beside billing_invoices.
create table counted as
  select *, row_number() over (partition by invoice_id order by ordinal) as nth from stripe_invoices;

insert into duplicates
  select 'stripe', invoice_id, currency, total_minor, created_s, null, customer_id from counted where nth > 1;

insert into stripe_items
  select invoice_id, customer_id, currency, total_minor, coalesce(paid_minor, 0), status, status, created_s, 1,
    case when status = 'draft' then 'draft' end, false, null, null, null, null, null, null
  from counted where nth = 1;

create table here as
  select *, row_number() over (partition by invoice_id order by ordinal) as nth from invoices;

insert into duplicates
  select 'here', invoice_id, currency, total_minor, created_s, company_id, null
  from here where nth > 1 and invoice_id is not null;

insert into our_items
  select coalesce(invoice_id, ''), company_id, lower(currency), total_minor, coalesce(paid_minor, 0),
    lower(status), status, created_s, 1,
    case when coalesce(invoice_id, '') = '' then 'no_id' when created_s is null then 'no_date' end, null, null, null
  from here where nth = 1 or invoice_id is null;
