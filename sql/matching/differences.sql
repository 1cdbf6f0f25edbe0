-- What differs, the largest difference first.
create view differences as
  select key, verdict, reason, unit,
    stripe_gross - stripe_part as stripe, our_gross - our_part as ours, stripe_part, our_part,
    stripe_status, our_status, company_id, customer_id,
    make_timestamp((at_s * 1000000)::bigint)::date as day
  from findings
  where verdict not in ('matched', 'in_flight')
  order by abs(coalesce(stripe, 0) - coalesce(ours, 0)) desc, key, verdict;
