-- Stripe's itemized reports (balance change from activity, payout reconciliation): a row a balance transaction.
select balance_transaction_id as transaction_id, reporting_category as category,
  minor(gross, currency) as amount_minor, minor(fee, currency) as fee_minor, minor(net, currency) as net_minor,
  lower(currency) as currency, instant(created_utc) as created_s, instant(available_on_utc) as available_s,
  nullif(source_id, '') as source_id, coalesce(nullif(payment_intent_id, ''), nullif(charge_id, '')) as payment_id,
  nullif(customer_id, '') as customer_id,
  -- Stripe gives what the customer saw without a sign of its own in some versions; the gross has it.
  sign(minor(gross, currency)) * abs(minor(nullif(customer_facing_amount, ''), customer_facing_currency)) as shown_minor,
  lower(nullif(customer_facing_currency, '')) as shown_currency,
  nullif(automatic_payout_id, '') as payout_id, nullif(description, '') as description
from file
