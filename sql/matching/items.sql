-- One row a thing that both sides may have, folded from the rows above; `rows` is how many it was folded from.
-- `amount` and `part` are compared; what stands behind them only explains a difference.
create table stripe_items (
  key varchar, customer_id varchar, unit varchar, amount decimal(38, 15), part decimal(38, 15),
  status varchar, raw_status varchar, at_s double, rows bigint,
  pending varchar,        -- why this may still change, or null
  earlier boolean,        -- only money back was read; the payment is from before
  authorized decimal(38, 15), came_back decimal(38, 15), disputed decimal(38, 15), fee decimal(38, 15),
  settled_amount decimal(38, 15), settled_unit varchar);

create table our_items (
  key varchar, company_id varchar, unit varchar, amount decimal(38, 15), part decimal(38, 15),
  status varchar, raw_status varchar, at_s double, rows bigint,
  fault varchar,          -- what is wrong with the row itself, or null
  accepted decimal(38, 15), reserved decimal(38, 15), sent_s double);

-- Rows that take no part, by name.
create table duplicates (side varchar, key varchar, unit varchar, amount decimal(38, 15), at_s double, company_id varchar, customer_id varchar);
create table left_out (what varchar, side varchar, rows bigint, unit varchar, amount decimal(38, 15));
