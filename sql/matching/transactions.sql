-- Every balance transaction of the window, for the journal.
-- In the order of the fields of a BalanceTransaction.
select transaction_id, category, amount_minor, coalesce(fee_minor, 0), net_minor, currency, created_s,
  coalesce(available_s, created_s), source_id, payment_id, customer_id, shown_minor, shown_currency, exchange_rate,
  authorized_minor, refunded_minor, coalesce(fee_tax_minor, 0), payout_id, description,
  coalesce(balance_type, 'payments')
from transactions
qualify row_number() over (partition by transaction_id order by ordinal) = 1
order by created_s, transaction_id
