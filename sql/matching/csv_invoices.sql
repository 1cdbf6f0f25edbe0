-- The Dashboard's export of invoices.
select "id" as invoice_id, nullif("Number", '') as number, nullif("Customer", '') as customer_id,
  minor("Total", "Currency") as total_minor, minor("Amount Paid", "Currency") as paid_minor,
  lower("Currency") as currency, lower("Status") as status, instant("Date (UTC)") as created_s
from file
