-- For people: figures without idle zeros, and text that no program takes for a formula.
select neutral(key) as key, verdict, reason, neutral(unit) as unit, plain(stripe) as stripe, plain(ours) as ours,
  plain(stripe_part) as stripe_part, plain(our_part) as our_part, neutral(stripe_status) as stripe_status,
  neutral(our_status) as our_status, neutral(company_id) as company_id, neutral(customer_id) as customer_id, day,
  known_since
from differences
