-- The tables that rows are loaded into and folded to, and how a file shows them.
-- `neutral` comes from the engine, made of the pattern in domain/spreadsheet.py.
create macro plain(figure) as regexp_replace(figure::varchar, '\.?0+$', '');

-- What both sides are read into; rows as they came, faults included.
create sequence ordinals;

create table transactions (
  ordinal bigint default nextval('ordinals'),
  transaction_id varchar, category varchar,
  amount_minor bigint, fee_minor bigint, net_minor bigint, currency varchar,  -- as it settled
  created_s bigint, available_s bigint,
  source_id varchar, payment_id varchar, customer_id varchar,
  shown_minor bigint, shown_currency varchar,                                 -- as the customer saw it
  exchange_rate varchar, authorized_minor bigint, refunded_minor bigint, fee_tax_minor bigint,
  payout_id varchar, description varchar,
  captured_minor bigint,                                                      -- of a charge, all its captures together
  balance_type varchar);                                                      -- null: payments

create table payouts (
  ordinal bigint default nextval('ordinals'),
  payout_id varchar, amount_minor bigint, currency varchar, status varchar,
  came_back boolean,                                                          -- of one that failed: on the balance
  automatic boolean, reconciliation_status varchar, created_s bigint, arrival_s bigint);

create table stripe_invoices (
  ordinal bigint default nextval('ordinals'),
  invoice_id varchar, number varchar, customer_id varchar, total_minor bigint, paid_minor bigint,
  currency varchar, status varchar, created_s bigint);

create table summaries (
  ordinal bigint default nextval('ordinals'),
  customer_id varchar, event_name varchar, bucket_s bigint, quantity decimal(38, 15));

create table payments (
  ordinal bigint default nextval('ordinals'),
  payment_intent_id varchar, company_id varchar, amount_minor bigint, refunded_minor bigint,
  currency varchar, status varchar, created_s double, asked_for boolean);

create table invoices (
  ordinal bigint default nextval('ordinals'),
  invoice_id varchar, company_id varchar, number varchar, total_minor bigint, paid_minor bigint,
  currency varchar, status varchar, created_s double);

create table usage (
  ordinal bigint default nextval('ordinals'),
  disposition varchar, company_id varchar, meter varchar, customer_id varchar, event_name varchar,
  bucket_s bigint, quantity decimal(38, 15), accepted decimal(38, 15), reserved decimal(38, 15), sent_s double,
  backend varchar);

create table tolerances (unit varchar, amount decimal(38, 15));
create table statuses (raw varchar, status varchar);

-- Differences that an earlier run saved and no later one found gone.
create table saved (
  key varchar, verdict varchar, reason varchar, unit varchar, stripe decimal(38, 15), ours decimal(38, 15),
  company_id varchar, at_s double, first_seen_s double);
create table last_run (saved_s double);

-- Transactions around a payout that is not the sum of its own.
create table candidates as from transactions limit 0;
