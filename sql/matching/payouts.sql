-- Payouts: what Stripe paid out beside the sum of the balance transactions in it.
create table counted as
  select *, row_number() over (partition by payout_id order by ordinal) as nth,
    status in ('failed', 'canceled') as failed
  from payouts;

insert into duplicates
  select 'stripe', payout_id, currency, amount_minor, created_s, null, null from counted where nth > 1;

insert into left_out
  select 'manual payout: Stripe does not tell what is in it', 'stripe', count(*), currency, sum(amount_minor)
  from counted where nth = 1 and not automatic and not (failed and not came_back) group by all;

insert into stripe_items
  select payout_id, null, currency, amount_minor, 0, '', status, created_s, 1,
    case when reconciliation_status = 'in_progress' then 'payout_in_progress' end,
    false, null, case when failed and came_back then amount_minor when failed then 0 end, null, null, null, null
  from counted where nth = 1 and (automatic or failed and not came_back);

-- A payout leaves the balance that its own transaction is of; what moved another one is no part of it.
create table parts as
  with own as (
    select payout_id, any_value(balance_type) as balance from transactions where source_id = payout_id group by 1)
  select t.*, row_number() over (partition by transaction_id order by ordinal) as nth,
    coalesce(t.balance_type, 'payments') <> coalesce(own.balance, 'payments') as apart
  from transactions t left join own using (payout_id);

insert into duplicates
  select 'here', payout_id, currency, net_minor, created_s, null, null from parts where nth > 1;

-- The payout's own transaction is the other side of the equation.
insert into left_out
  select 'the payout itself', 'here', count(*), currency, sum(net_minor)
  from parts where nth = 1 and source_id = payout_id group by all;

insert into left_out
  select 'of another balance: ' || balance_type, 'here', count(*), currency, sum(net_minor)
  from parts where nth = 1 and apart group by all;

insert into our_items
  select payout_id, null, currency, sum(net_minor), 0, '', null, max(created_s), count(*), null, null, null, null
  from parts where nth = 1 and source_id is distinct from payout_id and not apart group by payout_id, currency;
