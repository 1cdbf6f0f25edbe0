-- Usage: Stripe's event summaries beside usage and what was exported of it, by customer, meter and hour or day.
create table counted as
  select *, row_number() over (partition by customer_id, event_name, bucket_s order by ordinal) as nth from summaries;

insert into duplicates
  select 'stripe', customer_id || ' ' || strftime(make_timestamp(bucket_s * 1000000), '%Y-%m-%dT%H'), event_name,
    quantity, bucket_s, null, customer_id
  from counted where nth > 1;

insert into left_out
  select 'empty total', 'stripe', count(*), event_name, 0 from counted where nth = 1 and quantity = 0 group by all;

insert into stripe_items
  select customer_id || ' ' || event_name || ' ' || strftime(make_timestamp(bucket_s * 1000000), '%Y-%m-%dT%H'),
    customer_id, event_name, quantity, 0, '', null, bucket_s, 1, null, false, null, null, null, null, null, null
  from counted where nth = 1 and quantity <> 0;

create table folded as
  select *, bucket_s // getvariable('bucket_s') * getvariable('bucket_s') as at_s,
    customer_id is not null and (accepted <> 0 or reserved <> 0
      or disposition in ('send', 'sent', 'carried', 'too_old', 'too_precise', 'zero_total', 'value_gone')) as routed
  from usage where backend is distinct from 'usage-records';

-- Stripe has them for whole billing periods only.
insert into left_out
  select 'usage records', 'here', count(*), meter, sum(quantity) from usage where backend = 'usage-records' group by all;

-- What cannot reach Stripe goes by the export's own name for it.
insert into our_items
  select company_id || ' ' || meter || ' ' || strftime(make_timestamp(at_s * 1000000), '%Y-%m-%dT%H'), company_id, meter,
    sum(quantity), 0, '', null, at_s, count(*), disposition, 0, 0, null
  from folded where not routed group by company_id, meter, at_s, disposition;

insert into our_items
  select customer_id || ' ' || event_name || ' ' || strftime(make_timestamp(at_s * 1000000), '%Y-%m-%dT%H'),
    any_value(company_id), event_name, sum(quantity), 0, '', null, at_s, count(*), null,
    sum(accepted), sum(reserved), max(sent_s)
  from folded where routed group by customer_id, event_name, at_s;

-- Stripe adds up in floating point: what is off by its rounding is not off.
update stripe_items set amount = o.accepted from our_items o
  where o.key = stripe_items.key and abs(stripe_items.amount - o.accepted) <= abs(o.accepted) * 0.000000000001;
