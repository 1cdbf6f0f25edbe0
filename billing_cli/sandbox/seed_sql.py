"""The SQL that makes seed data: a million rows would take Python minutes."""

# Every fortieth company has no Stripe customer yet.
COMPANIES = """
insert into billing_companies (company_id, name, stripe_customer_id, plan_id)
select 'co_' || lpad(c::text, 4, '0'), 'Company ' || c,
       case when c %% 40 <> 7 then 'cus_sandbox' || lpad(c::text, 4, '0') end,
       (array['starter', 'business', 'enterprise'])[1 + c %% 3]
from generate_series(1, %(companies)s::int) c
on conflict (company_id) do nothing
"""

# The rows that must be there at any size: the edges of day and window, and one of every trouble.
EDGE_ROWS = 13
EDGES = """
with day as (select date_trunc('day', now()) as today,
                    date_trunc('day', now()) - interval '1 day' as yesterday)
insert into billing_usage_events (company_id, meter, quantity, occurred_at, recorded_at, source_id)
select e.company_id, e.meter, e.quantity, e.occurred_at, e.occurred_at,
       'edge-' || %(seed)s::text || '-' || e.number
from day, lateral (values
  (1, 'co_0001', 'api_calls', 1::numeric, yesterday),
  (2, 'co_0001', 'api_calls', 2, today - interval '1 microsecond'),
  (3, 'co_0001', 'api_calls', 4, today),
  (4, 'co_0001', 'api_calls', 8, yesterday - interval '1 microsecond'),
  (5, 'co_0001', 'api_calls', 16, yesterday - interval '1 day' * %(days)s::int),
  (6, 'co_0001', 'storage_gb', 0.000001, yesterday + interval '59 minutes 59.999999 seconds'),
  (7, 'co_0002', 'storage_gb', 0.1234567890123456789, yesterday + interval '12 hours'),
  (8, 'co_0003', 'api_calls', null, yesterday + interval '1 hour'),
  (9, 'co_0003', 'api_calls', 'NaN', yesterday + interval '2 hours'),
  (10, 'co_0004', 'api_calls', 123456789012345, yesterday + interval '3 hours'),
  (11, 'co_0005', 'legacy_exports', 5, yesterday + interval '4 hours'),
  (12, 'gone_0', 'api_calls', 6, yesterday + interval '5 hours'),
  (13, 'co_0006', 'api_calls', 7, today - interval '40 days')
) as e(number, company_id, meter, quantity, occurred_at)
on conflict (source_id) do nothing
"""

# Chance comes from hashes of the row's number, so that it does not depend on the order of execution.
# chance[1] when, [2] how far into it, [3] late, [4] how late, [5] who, [6] unknown, [7] unmapped,
# [8] which meter, [9] trouble, [10] how much
CHANCES = ", ".join(
    f"(hashint8extended(i, %(seed)s::bigint * 16 + {number}) & 9007199254740991)::float8 / 9007199254740992"
    for number in range(1, 11)
)
USAGE = (
    """
insert into billing_usage_events (company_id, meter, quantity, occurred_at, recorded_at, source_id)
select
  case when chance[6] < 0.003 then 'gone_' || c %% 7 else 'co_' || lpad(c::text, 4, '0') end,
  m.meter,
  case when chance[9] < 0.001 then 'NaN'::numeric
       when chance[9] < 0.002 then null
       when chance[9] < 0.012 then -round(amount / 10, 2)
       else amount end,
  t.occurred_at,
  case when chance[3] < 0.02 then least(t.occurred_at + interval '3 days' * chance[4], now())
       else least(t.occurred_at + interval '5 seconds' * chance[4], now()) end,
  'seed-' || %(seed)s::text || '-' || i
from generate_series(1, %(rows)s::bigint) i
cross join lateral (select array["""
    + CHANCES
    + """]) as dice(chance)
cross join lateral (select 1 + floor(chance[5] * %(companies)s::int)::int) as who(c)
cross join lateral (
  select case when chance[7] < 0.003 then 'legacy_exports'
         else (array['api_calls', 'storage_gb', 'seats_minutes'])[1 + (c + (chance[8] < 0.5)::int) %% 3]
         end) as m(meter)
cross join lateral (
  select case m.meter
    when 'storage_gb' then round((chance[10] * 100)::numeric, 6) + 0.000001
    when 'seats_minutes' then round((chance[10] * 60)::numeric, 2) + 0.01
    else floor(chance[10] * 500)::numeric + 1 end) as q(amount)
cross join lateral (
  select case
    when chance[1] < 0.75 then date_trunc('day', now()) - interval '1 day' * (1 - chance[2])
    when chance[1] < 0.755 then date_trunc('day', now()) - interval '36 days' - interval '20 days' * chance[2]
    else date_trunc('day', now()) - interval '1 day' - interval '1 day' * %(days)s::int * chance[2]
  end) as t(occurred_at)
on conflict (source_id) do nothing
"""
)

CUSTOMERS = """
select stripe_customer_id, name, company_id from billing_companies
where stripe_customer_id is not null order by company_id
"""

STAGE = """
create temporary table staged_usage (
  company_id text, meter text, quantity numeric, occurred_at timestamptz, source_id text) on commit drop
"""
COPY = "copy staged_usage (company_id, meter, quantity, occurred_at, source_id) from stdin"
STAGED_COMPANIES = """
insert into billing_companies (company_id, name, stripe_customer_id)
select distinct company_id, company_id, 'cus_sandbox' || substr(md5(company_id), 1, 12) from staged_usage
on conflict (company_id) do nothing
"""
LOAD = """
insert into billing_usage_events (company_id, meter, quantity, occurred_at, source_id)
select company_id, meter, quantity, occurred_at, source_id from staged_usage
on conflict (source_id) do nothing
"""
