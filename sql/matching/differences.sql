-- What differs, the largest difference first; `known_since` where a saved run had it already.
create view differences as
  select f.key, f.verdict, f.reason, f.unit,
    f.stripe_gross - f.stripe_part as stripe, f.our_gross - f.our_part as ours, f.stripe_part, f.our_part,
    f.stripe_status, f.our_status, f.company_id, f.customer_id,
    make_timestamp((f.at_s * 1000000)::bigint)::date as day,
    make_timestamp((s.first_seen_s * 1000000)::bigint)::date as known_since
  from findings f left join saved s using (key, verdict, reason, unit)
  where f.verdict not in ('matched', 'in_flight')
  -- Not by the names above: `saved` has columns of those names.
  order by abs(coalesce(f.stripe_gross - f.stripe_part, 0) - coalesce(f.our_gross - f.our_part, 0)) desc, key, verdict;

-- The same by name, as a run is saved.
create view named_differences as
  select key, verdict, reason, unit, count(*) as times, sum(stripe_gross - stripe_part) as stripe,
    sum(our_gross - our_part) as ours, any_value(company_id) as company_id, min(at_s) as at_s
  from findings where verdict not in ('matched', 'in_flight') group by all;

create view gone as
  select * from saved anti join named_differences using (key, verdict, reason, unit)
  where coalesce(at_s >= getvariable('start_s') and at_s < getvariable('end_s'), true);
