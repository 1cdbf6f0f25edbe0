-- How many things each verdict, reason and unit has, of how many rows, with what both sides come to.
select verdict, reason, unit, count(*), sum(stripe_rows), sum(our_rows),
  coalesce(sum(stripe_gross - stripe_part), 0), coalesce(sum(our_gross - our_part), 0)
from findings group by all order by all
