-- Payments of which only money back was read: ours of them is asked for by id.
select coalesce(payment_id, source_id) as key from transactions
where category in ('refund', 'refund_failure', 'dispute', 'dispute_reversal')
group by 1
having key is not null
  and key not in (select payment_id from transactions where category = 'charge' and payment_id is not null)
  and key not in (select payment_intent_id from payments where payment_intent_id is not null)
