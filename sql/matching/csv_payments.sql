-- The Dashboard's export of payments: a row a payment; those that took no money are no transactions.
select "id" as transaction_id, 'charge' as category,
  minor("Converted Amount", "Converted Currency") as amount_minor, minor("Fee", "Converted Currency") as fee_minor,
  minor("Converted Amount", "Converted Currency") - minor("Fee", "Converted Currency") as net_minor,
  lower("Converted Currency") as currency, instant("Created date (UTC)") as created_s,
  "id" as source_id, coalesce(nullif("PaymentIntent ID", ''), "id") as payment_id,
  nullif("Customer ID", '') as customer_id, minor("Amount", "Currency") as shown_minor,
  lower("Currency") as shown_currency, minor("Amount Refunded", "Currency") as refunded_minor
from file where lower("Captured") = 'true' and lower("Status") not in ('failed', 'canceled')
