-- Payments: balance transactions folded by payment, beside billing_payments.
create table customer_categories as select unnest(
  ['charge', 'charge_failure', 'partial_capture_reversal', 'refund', 'refund_failure', 'dispute', 'dispute_reversal'])
  as category;

create table counted as
  select *, row_number() over (partition by transaction_id order by ordinal) as nth,
         coalesce(shown_minor, amount_minor) as paid_minor, coalesce(shown_currency, currency) as paid_currency
  from transactions where category in (from customer_categories);

insert into left_out
  select category, 'stripe', count(*), currency, sum(net_minor)
  from transactions where category is null or category not in (from customer_categories) group by all;

insert into duplicates
  select 'stripe', coalesce(payment_id, source_id), paid_currency, paid_minor, created_s, null, customer_id
  from counted where nth > 1;

insert into stripe_items
  select coalesce(payment_id, source_id, transaction_id), any_value(customer_id),
    coalesce(any_value(paid_currency) filter (category = 'charge'), any_value(paid_currency)),
    -- What the parts of a converted payment were for the customer is known of all captures together only.
    case when bool_or(currency <> paid_currency) and max(captured_minor) is not null
      then max(captured_minor) + coalesce(sum(paid_minor) filter (category = 'charge_failure'), 0)
      else coalesce(sum(paid_minor) filter (category in ('charge', 'charge_failure', 'partial_capture_reversal')), 0) end,
    -- All that was given back until now where Stripe told, else what was read.
    coalesce(max(refunded_minor), -sum(paid_minor) filter (category in ('refund', 'refund_failure')), 0),
    'settled', 'succeeded',
    coalesce(min(created_s) filter (category = 'charge'), max(created_s)), count(*),
    null, coalesce(bool_and(category <> 'charge'), true),
    max(authorized_minor), sum(paid_minor) filter (category = 'refund_failure'),
    -sum(paid_minor) filter (category in ('dispute', 'dispute_reversal')),
    case when any_value(currency) = any_value(paid_currency) then sum(fee_minor) end,
    sum(amount_minor) filter (category in ('charge', 'partial_capture_reversal')), any_value(currency)
  from counted where nth = 1 group by 1;

create table here as
  select *, row_number() over (partition by payment_intent_id order by ordinal) as nth from payments
  where not asked_for or payment_intent_id in (select key from stripe_items where earlier);

insert into duplicates
  select 'here', payment_intent_id, currency, amount_minor, created_s, company_id, null
  from here where nth > 1 and payment_intent_id is not null;

insert into our_items
  select coalesce(payment_intent_id, ''), company_id, lower(currency),
    case when coalesce(s.status, '') = 'void' then 0 else amount_minor end, coalesce(refunded_minor, 0),
    coalesce(s.status, 'unknown'), here.status, created_s, 1,
    case when coalesce(payment_intent_id, '') = '' then 'no_id' when created_s is null then 'no_date' end,
    null, null, null
  from here left join statuses s on s.raw = lower(here.status)
  where nth = 1 or payment_intent_id is null;
