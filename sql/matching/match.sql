-- Both sides side by side: every item gets one verdict and the name of its remainder.
create table paired as
  select coalesce(s.key, o.key) as key, s.key is not null as at_stripe, o.key is not null as here,
    s.customer_id, o.company_id, s.unit as stripe_unit, o.unit as our_unit, coalesce(s.unit, o.unit, '') as unit,
    s.amount as stripe_amount, s.part as stripe_part, o.amount as our_amount, o.part as our_part,
    s.status as stripe_state, o.status as our_state, s.raw_status as stripe_status, o.raw_status as our_status,
    coalesce(s.rows, 0) as stripe_rows, coalesce(o.rows, 0) as our_rows,
    s.at_s as stripe_at_s, o.at_s as our_at_s, coalesce(o.at_s, s.at_s) as at_s,
    s.pending, coalesce(s.earlier, false) as earlier, s.authorized, s.came_back, s.disputed, s.fee,
    s.settled_amount, s.settled_unit, o.fault, o.accepted, o.reserved, o.sent_s,
    coalesce(t.amount, 0) as tolerance,
    -- A row without a date cannot be outside.
    coalesce(s.at_s >= getvariable('start_s') and s.at_s < getvariable('end_s'), false) as stripe_inside,
    o.key is not null and coalesce(o.at_s >= getvariable('start_s') and o.at_s < getvariable('end_s'), true) as our_inside
  from stripe_items s
  full join our_items o on s.key = o.key and o.fault is null
  left join tolerances t on t.unit = s.unit;

create table judged as
  select *,
    abs(stripe_amount - our_amount) <= tolerance and abs(stripe_part - our_part) <= tolerance as close_enough,
    stripe_amount = our_amount and stripe_part = our_part as same,
    -- Whatever may change this had time to arrive on both sides.
    coalesce(at_s + getvariable('edge_s') > getvariable('until_s'), false) as at_the_end,
    coalesce(stripe_at_s - getvariable('edge_s') < getvariable('ours_from_s')
      or stripe_at_s + getvariable('edge_s') > getvariable('ours_until_s'), false) as beyond_ours,
    coalesce(our_at_s - getvariable('edge_s') < getvariable('stripe_from_s')
      or our_at_s + getvariable('edge_s') > getvariable('stripe_until_s'), false) as beyond_stripes
  from paired where stripe_inside or our_inside;

create table named as
  select *, case
      when fault is not null then 'only_here:' || fault
      -- Of a payout, what came back of it is known only if it failed.
      when getvariable('subject') = 'payouts' and came_back = 0 then 'failed:money_not_back'
      when at_stripe and not here then case
        when pending is not null then 'in_flight:' || pending
        when beyond_ours then 'in_flight:edge'
        when earlier then 'only_stripe:refund_of_unknown_payment'
        when getvariable('subject') = 'payouts' and stripe_amount <> 0 then 'amount_differs:residual'
        when getvariable('subject') = 'usage' then 'only_stripe:more_than_sent'
        else 'only_stripe:unknown_here' end
      when here and not at_stripe then case
        when our_state = 'void' then 'matched:nothing_moved'
        when our_state = 'pending' then 'in_flight:pending'
        when our_state = 'unknown' then 'status_differs:unknown_status'
        when getvariable('subject') = 'usage' then case
          when our_amount = 0 and reserved = 0 and accepted = 0 then 'matched:'
          when reserved <> 0 then 'in_flight:being_sent'
          when accepted = 0 and our_amount < 0 then 'only_here:correction_due'
          when accepted = 0 then 'only_here:not_sent'
          when sent_s > getvariable('lag_from_s') then 'in_flight:summary_lag'
          else 'only_here:not_counted' end
        when beyond_stripes then 'in_flight:edge'
        else 'only_here:unknown_at_stripe' end
      when getvariable('subject') = 'usage' then case
        when reserved <> 0 then 'in_flight:being_sent'
        when stripe_amount = our_amount and accepted = our_amount then 'matched:'
        -- As after a restored backup: the next export would send it once more.
        when stripe_amount = our_amount and accepted < our_amount then 'amount_differs:not_recorded'
        when stripe_amount > accepted then 'amount_differs:more_than_sent'
        when stripe_amount < accepted and sent_s > getvariable('lag_from_s') then 'in_flight:summary_lag'
        when stripe_amount < accepted then 'amount_differs:not_counted'
        when stripe_amount > our_amount then 'amount_differs:correction_due'
        else 'amount_differs:not_sent' end
      when earlier then case
        when stripe_unit is distinct from our_unit then 'currency_differs:currency'
        when our_part + tolerance >= stripe_part then 'matched:earlier_payment'
        else 'amount_differs:refund_missing_here' end
      when our_state = 'unknown' then 'status_differs:unknown_status'
      when stripe_state is distinct from our_state then case
        when (our_state = 'pending' or pending is not null) and at_the_end then 'in_flight:pending'
        when getvariable('subject') = 'invoices' then 'status_differs:status'
        else 'status_differs:settled_at_stripe_only' end
      when stripe_unit is distinct from our_unit then
        case when our_unit = settled_unit and our_amount = settled_amount
          then 'currency_differs:settlement_currency' else 'currency_differs:currency' end
      when our_amount is null then 'amount_differs:no_amount'
      when same and getvariable('subject') = 'payouts' and came_back is not null then 'matched:failed_and_came_back'
      when same then case when coalesce(disputed, 0) <> 0 then 'matched:disputed' else 'matched:' end
      when close_enough then 'matched:within_tolerance'
      when pending is not null then 'in_flight:' || pending
      when getvariable('subject') = 'payouts' then 'amount_differs:residual'
      when getvariable('subject') = 'invoices' then
        case when stripe_amount <> our_amount then 'amount_differs:total' else 'amount_differs:paid' end
      when stripe_amount <> our_amount then case
        when our_amount = authorized then 'amount_differs:partial_capture'
        when our_amount = stripe_amount - fee then 'amount_differs:net_of_fee'
        else 'amount_differs:captured' end
      when our_part = stripe_part + came_back then 'amount_differs:failed_refund_came_back'
      when our_part = stripe_part + disputed then 'amount_differs:dispute_counted_as_refund'
      when our_part < stripe_part then 'amount_differs:refund_missing_here'
      else 'amount_differs:refund_only_here' end as name
  from judged;

create table findings as
  select split_part(name, ':', 1) as verdict, split_part(name, ':', 2) as reason, key, unit,
    -- Of an earlier payment only the money back is seen, so only that is compared.
    case when at_stripe then case when earlier then 0 else stripe_amount end end as stripe_gross,
    case when here then case when earlier then 0 else our_amount end end as our_gross,
    stripe_part, case when earlier and here then least(our_part, stripe_part) else our_part end as our_part,
    stripe_status, our_status, company_id, customer_id, at_s, stripe_rows, our_rows
  from named
  union all
  select 'duplicate', 'same_id_again', coalesce(key, ''), coalesce(unit, ''),
    case side when 'stripe' then amount end, case side when 'here' then amount end,
    case side when 'stripe' then 0 end, case side when 'here' then 0 end,
    null, null, company_id, customer_id, at_s, (side = 'stripe')::bigint, (side = 'here')::bigint
  from duplicates where coalesce(at_s >= getvariable('start_s') and at_s < getvariable('end_s'), true);

-- What was read beyond the window, to find partners, and found none to be needed.
insert into left_out
  select 'of other days, read only to find partners', 'stripe', sum(stripe_rows), unit, sum(stripe_amount - stripe_part)
  from paired where not (stripe_inside or our_inside) and at_stripe group by unit;
insert into left_out
  select 'of other days, read only to find partners', 'here', sum(our_rows), unit, sum(our_amount - our_part)
  from paired where not (stripe_inside or our_inside) and here group by unit;
insert into left_out
  select 'of other days, read only to find partners', side, count(*), unit, sum(amount)
  from duplicates where not coalesce(at_s >= getvariable('start_s') and at_s < getvariable('end_s'), true) group by all;
