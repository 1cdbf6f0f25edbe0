-- Rows that alone would explain a residual: in no payout that was read, and just as large; in the payout, and as much
-- too much; or with figures that do not add up.
with open as (
  select s.key as payout_id, s.unit as currency, s.amount - coalesce(o.amount, 0) as residual
  from stripe_items s left join our_items o using (key)
  where s.pending is null and s.amount <> coalesce(o.amount, 0))
select open.payout_id, c.transaction_id, c.category, c.net_minor, 'not in the payout, and exactly the residual'
from open join candidates c on c.currency = open.currency and c.net_minor = open.residual
where c.transaction_id not in (select transaction_id from parts) and coalesce(c.balance_type, 'payments') = 'payments'
union all
select open.payout_id, t.transaction_id, t.category, t.net_minor, 'in the payout, and exactly the residual'
from open join parts t on t.payout_id = open.payout_id and t.nth = 1 and not t.apart and t.net_minor = -open.residual
  and t.source_id is distinct from t.payout_id
union all
select t.payout_id, t.transaction_id, t.category, t.net_minor, 'gross less fee is not net'
from parts t where t.nth = 1 and t.amount_minor - t.fee_minor <> t.net_minor
order by all
