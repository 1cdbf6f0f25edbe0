-- By day: what agrees or may still change, and what differs.
select make_timestamp((at_s * 1000000)::bigint)::date, count(*) filter (verdict in ('matched', 'in_flight')),
  count(*) filter (verdict not in ('matched', 'in_flight'))
from findings where at_s is not null group by 1 order by 1
