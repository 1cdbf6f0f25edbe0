-- Every difference under the name that it keeps from one run to the next, in a steady order.
select key, verdict, reason, unit, times, plain(stripe), plain(ours), company_id, at_s
from named_differences order by key, verdict, reason, unit
