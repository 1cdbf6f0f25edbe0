-- What each automatic payout is made of, by category; the payout's own transaction is not among them.
select p.payout_id, p.currency, p.amount_minor, make_timestamp(p.arrival_s * 1000000)::date,
  t.category, count(*), sum(t.amount_minor)::bigint, sum(t.fee_minor)::bigint, sum(t.net_minor)::bigint
from (from counted where nth = 1 and automatic) p
join (from parts where nth = 1 and source_id is distinct from payout_id and not apart) t using (payout_id)
group by all order by 4, 1, 5
