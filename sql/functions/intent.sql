-- An intent at work: written down, claimed, sent, settled, followed.

-- How long a silent runner keeps what it claimed; longer than all tries of one call together.
create or replace function public.billing_intent_lease_v1() returns interval
language sql immutable as $$ select interval '10 minutes' $$;

-- For how long after its first try an intent may be sent. Stripe keeps idempotency keys for at least 24 hours
-- (https://docs.stripe.com/api/idempotent_requests); an hour is kept as a margin.
create or replace function public.billing_intent_key_window_v1() returns interval
language sql immutable as $$ select interval '23 hours' $$;

create or replace function public.billing_intent_document_v1(p_intent public.billing_intents) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'intent_id', p_intent.intent_id, 'stripe_account_id', p_intent.stripe_account_id, 'livemode', p_intent.livemode,
    'command', p_intent.command, 'kind', p_intent.kind, 'company_id', p_intent.company_id,
    'subject', p_intent.subject, 'amount_minor', p_intent.amount_minor, 'currency', p_intent.currency,
    'in_favour_of_company', p_intent.in_favour_of_company, 'request', p_intent.request,
    'reason', p_intent.reason, 'note', p_intent.note, 'source_key', p_intent.source_key,
    'state', p_intent.state, 'actor', p_intent.actor, 'opened_at', p_intent.opened_at,
    'age_s', extract(epoch from now() - p_intent.opened_at)::int,
    'sent_age_s', extract(epoch from now() - p_intent.first_sent_at)::int,
    'attempts', p_intent.attempts, 'claimed_by', p_intent.claimed_by,
    'claim_left_s', greatest(ceil(extract(epoch from p_intent.claimed_until - now()))::int, 0),
    'settled_at', p_intent.settled_at, 'stripe_object_id', p_intent.stripe_object_id,
    'stripe_status', p_intent.stripe_status, 'request_id', p_intent.request_id, 'error', p_intent.error)
$$;

-- What is known here about some subjects and lines: what is open on them, what was done on them in the last
-- 24 hours (by this clock), the lines done or open, and the day's totals of the command by currency.
create or replace function public.billing_intents_about_v1(
  p_account text, p_livemode boolean, p_command text, p_subjects jsonb, p_source_keys jsonb default '[]')
returns jsonb language sql stable set search_path = '' as $$
  with relevant as (
    select i from public.billing_intents i
    where i.stripe_account_id = p_account and i.livemode = p_livemode
      and ((i.subject in (select jsonb_array_elements_text(p_subjects))
            and (i.state in ('open', 'sending') or (i.state = 'done' and i.settled_at > now() - interval '24 hours')))
        or (i.source_key in (select jsonb_array_elements_text(p_source_keys))
            and i.state in ('open', 'sending', 'done')))
  )
  select jsonb_build_object(
    'intents', (select coalesce(jsonb_agg(public.billing_intent_document_v1(r.i) order by (r.i).opened_at, (r.i).intent_id),
                                '[]') from relevant r),
    'today_minor', (
      select coalesce(jsonb_object_agg(t.currency, t.amount_minor), '{}')
      from (select i.currency, sum(i.amount_minor) as amount_minor from public.billing_intents i
            where i.stripe_account_id = p_account and i.livemode = p_livemode and i.command = p_command
              and i.state in ('open', 'sending', 'done')
              and i.opened_at >= date_trunc('day', now(), 'UTC')
            group by 1) t))
$$;

-- Our own view of payments: {"pi_…": {company_ids, refunded_minor}}. A view may have a payment twice.
create or replace function public.billing_payments_known_v1(p_payment_intent_ids jsonb) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(p.payment_intent_id, p.document), '{}')
  from (select payment_intent_id, jsonb_build_object(
          'company_ids', jsonb_agg(distinct company_id), 'refunded_minor', max(refunded_minor)) as document
        from public.billing_payments
        where payment_intent_id in (select jsonb_array_elements_text(p_payment_intent_ids))
        group by 1) p
$$;

-- Our own view of invoices: {"in_…": {company_ids, status, amount_paid_minor}}.
create or replace function public.billing_invoices_known_v1(p_invoice_ids jsonb) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(p.invoice_id, p.document), '{}')
  from (select invoice_id, jsonb_build_object(
          'company_ids', jsonb_agg(distinct company_id), 'status', max(status),
          'amount_paid_minor', max(amount_paid_minor)) as document
        from public.billing_invoices
        where invoice_id in (select jsonb_array_elements_text(p_invoice_ids))
        group by 1) p
$$;

-- A mark of the intents that are open or done on an object of Stripe; empty if there are none.
create or replace function public.billing_intents_mark_v1(p_account text, p_livemode boolean, p_object text)
returns text language sql stable set search_path = '' as $$
  select coalesce(md5(string_agg(i.intent_id || case i.state when 'done' then ' done' else ' open' end, ','
                                 order by i.intent_id)), '')
  from public.billing_intents i
  where i.touches @> array[p_object] and i.stripe_account_id = p_account and i.livemode = p_livemode
    and i.state in ('open', 'sending', 'done')
$$;

-- The marks of several objects: {object: mark}. A plan reads them before the objects' facts.
create or replace function public.billing_intents_marks_v1(p_account text, p_livemode boolean, p_objects jsonb)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(o, public.billing_intents_mark_v1(p_account, p_livemode, o)), '{}')
  from jsonb_array_elements_text(p_objects) o
$$;

-- Raises BL001 if an object that these intents touch has another mark than in p_marks, naming its newest intent.
create or replace function public.billing_intents_check_v1(
  p_account text, p_livemode boolean, p_intents jsonb, p_marks jsonb)
returns void language plpgsql stable set search_path = '' as $$
declare
  v_object text;
  v_newest text;
begin
  select o.value into v_object
    from jsonb_array_elements(p_intents) n, jsonb_array_elements_text(n -> 'touches') o
    where public.billing_intents_mark_v1(p_account, p_livemode, o.value) <> coalesce(p_marks ->> o.value, '')
    limit 1;
  if not found then
    return;
  end if;
  select format('a %s of {%s %s} (%s, by %s) was %s', replace(i.kind::text, '_', ' '), i.amount_minor, i.currency,
                i.intent_id, i.actor, case i.state when 'done' then 'done' else 'begun' end)
    into v_newest
    from public.billing_intents i
    where i.touches @> array[v_object] and i.stripe_account_id = p_account and i.livemode = p_livemode
    order by greatest(i.opened_at, i.settled_at) desc limit 1;
  raise exception 'Plan changed: on %, % after this plan was made.', v_object, v_newest using errcode = 'BL001',
    hint = 'Run it without --confirm to see the new plan.';
end
$$;

-- Where a plan becomes intents: all of them or none, if nothing was begun or done on what they touch since the plan
-- read its facts, within the limits, with the approval they need used up.
-- p_intents: [{intent_id, kind, company_id, subject, amount_minor, currency, in_favour_of_company, request,
-- reason, note, source_key, touches, seen}]. p_limits: [{currency, approve_above_minor, per_command_minor,
-- per_day_minor}]. p_marks: those of billing_intents_marks_v1.
create or replace function public.billing_intents_open_v2(
  p_account text, p_livemode boolean, p_command text, p_digest text, p_actor text,
  p_intents jsonb, p_limits jsonb, p_approval_id text default null, p_marks jsonb default '{}')
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_taken text;
  v_totals jsonb;
begin
  -- One opening at a time, or two could exceed the day's ceiling together.
  perform pg_advisory_xact_lock(hashtext('billing_intents ' || p_account || p_livemode::text));
  if exists (select from public.billing_intents where intent_id = p_intents -> 0 ->> 'intent_id') then
    return jsonb_build_object('intents', jsonb_array_length(p_intents));  -- the same again after a lost reply
  end if;
  select format('%s %s of %s', i.kind, i.intent_id, i.subject) into v_taken
    from public.billing_intents i, jsonb_array_elements(p_intents) n
    where i.stripe_account_id = p_account and i.livemode = p_livemode
      and ((i.subject = n ->> 'subject' and i.state in ('open', 'sending'))
        or (i.source_key = n ->> 'source_key' and i.state in ('open', 'sending', 'done')))
    limit 1;
  if found then
    raise exception 'Plan changed: % was begun after this plan was made.', v_taken using errcode = 'BL001',
      hint = 'Run it without --confirm to see the new plan.';
  end if;
  perform public.billing_intents_check_v1(p_account, p_livemode, p_intents, p_marks);
  perform public.billing_limits_check_v1(p_account, p_livemode, p_command, p_intents, p_limits, p_approval_id);
  if p_approval_id is not null then
    perform public.billing_approval_use_v1(
      p_approval_id, p_digest, p_account, p_livemode, p_intents -> 0 ->> 'intent_id', p_actor);
  end if;
  insert into public.billing_intents (intent_id, stripe_account_id, livemode, command, kind, company_id, subject,
    amount_minor, currency, in_favour_of_company, request, reason, note, source_key, plan_digest, approval_id, actor,
    touches, seen)
  select n.intent_id, p_account, p_livemode, p_command, n.kind, n.company_id, n.subject, n.amount_minor, n.currency,
         n.in_favour_of_company, n.request, n.reason, n.note, n.source_key, p_digest, p_approval_id, p_actor,
         array(select jsonb_array_elements_text(n.touches)), n.seen
  from jsonb_to_recordset(p_intents) as n(
    intent_id text, kind public.billing_intent_kind, company_id text, subject text, amount_minor bigint,
    currency text, in_favour_of_company boolean, request jsonb, reason text, note text, source_key text,
    touches jsonb, seen jsonb);
  select jsonb_object_agg(t.currency, t.amount_minor) into v_totals
    from (select n ->> 'currency' as currency, sum((n ->> 'amount_minor')::bigint) as amount_minor
          from jsonb_array_elements(p_intents) n group by 1) t;
  perform public.billing_audit_append_v1(p_actor, p_command || '.opened', p_intents -> 0 ->> 'intent_id',
    jsonb_build_object('intents', jsonb_array_length(p_intents), 'total_minor', v_totals, 'digest', p_digest,
      'approval_id', p_approval_id, 'stripe_account_id', p_account, 'livemode', p_livemode));
  return jsonb_build_object('intents', jsonb_array_length(p_intents));
end
$$;

-- Raises BL006 where these intents exceed a limit. Callers hold the lock that makes the day's total final.
-- {1250 usd}: an amount in minor units, which the program writes as people do; no currency's decimals are known here.
create or replace function public.billing_limits_check_v1(
  p_account text, p_livemode boolean, p_command text, p_intents jsonb, p_limits jsonb, p_approval_id text)
returns void language plpgsql stable set search_path = '' as $$
declare
  v record;
begin
  for v in
    select l.*, t.total_minor, coalesce((
        select sum(i.amount_minor) from public.billing_intents i
        where i.stripe_account_id = p_account and i.livemode = p_livemode and i.command = p_command
          and i.currency = l.currency and i.state in ('open', 'sending', 'done')
          and i.opened_at >= date_trunc('day', now(), 'UTC')), 0) as today_minor
    from jsonb_to_recordset(p_limits) as l(
      currency text, approve_above_minor bigint, per_command_minor bigint, per_day_minor bigint)
    join (select n ->> 'currency' as currency, sum((n ->> 'amount_minor')::bigint) as total_minor
          from jsonb_array_elements(p_intents) n group by 1) t on t.currency = l.currency
  loop
    if v.total_minor > v.per_command_minor then
      raise exception 'Nothing was written: {% %} is above the ceiling of {% %} for one command.',
        v.total_minor, v.currency, v.per_command_minor, v.currency using errcode = 'BL006',
        hint = 'Use a smaller amount, or raise the ceiling under [limits] in billing.toml.';
    end if;
    if v.total_minor + v.today_minor > v.per_day_minor then
      raise exception 'Nothing was written: {% %} after {% %} today is above the ceiling of {% %} for one UTC day.',
        v.total_minor, v.currency, v.today_minor, v.currency, v.per_day_minor, v.currency using errcode = 'BL006',
        hint = 'Use a smaller amount, wait for the next UTC day, or raise the ceiling under [limits] in billing.toml.';
    end if;
    if v.total_minor > v.approve_above_minor and p_approval_id is null then
      raise exception 'Nothing was written: a second person has to approve this %.', p_command using errcode = 'BL006',
        hint = 'Write the plan with --plan-out and --sign-key, and have it approved.';
    end if;
  end loop;
end
$$;

-- Takes an intent for sending if nobody else is at it, or if its runner is known to be dead.
-- `maybe_sent`: an earlier run may have sent it. `seen`: how its object stood at the time of the plan.
-- `key_usable`: it may be sent now. `last_try_age_s`: seconds since the last try of an earlier run, null if there was
-- none; a claim that was never settled may have sent until its end. `lands_within_s`: that try may still reach Stripe
-- for so many seconds, a lease counted from it. `permit_s`: for how many seconds the caller may send it, counted from
-- before it asked.
create or replace function public.billing_intent_claim_v2(
  p_intent_id text, p_runner text, p_actor text, p_dead_runner text default null)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_intent public.billing_intents;
  v_maybe_sent boolean;
  v_key_usable boolean;
  v_last_try_at timestamptz;
begin
  select * into v_intent from public.billing_intents where intent_id = p_intent_id for update;
  if not found then
    raise exception 'There is no intent %.', p_intent_id using errcode = 'BL004', hint = 'See: billing intents list';
  end if;
  if v_intent.state not in ('open', 'sending')
     or (v_intent.claimed_until > now() and v_intent.claimed_by not in (p_runner, coalesce(p_dead_runner, ''))) then
    return public.billing_intent_document_v1(v_intent) || '{"claimed": false, "maybe_sent": false}';
  end if;
  v_maybe_sent := v_intent.state = 'sending';
  v_key_usable := coalesce(v_intent.first_sent_at + public.billing_intent_key_window_v1() >= now(), true);
  v_last_try_at := case when v_intent.claimed_by is null then v_intent.last_sent_at
                        else greatest(v_intent.last_sent_at, least(v_intent.claimed_until, now())) end;
  update public.billing_intents
    set state = 'sending', claimed_by = p_runner, claimed_until = now() + public.billing_intent_lease_v1(),
        attempts = attempts + 1, first_sent_at = coalesce(first_sent_at, now()),
        last_sent_at = case when v_key_usable then now() else v_last_try_at end
    where intent_id = p_intent_id returning * into v_intent;
  perform public.billing_audit_append_v1(p_actor, v_intent.command || '.claimed', p_intent_id,
    jsonb_build_object('runner', p_runner, 'maybe_sent', v_maybe_sent));
  return public.billing_intent_document_v1(v_intent)
    || jsonb_build_object('claimed', true, 'maybe_sent', v_maybe_sent, 'seen', v_intent.seen,
                          'key_usable', v_key_usable,
                          'last_try_age_s', extract(epoch from now() - v_last_try_at)::int,
                          'lands_within_s',
                          ceil(extract(epoch from v_last_try_at + public.billing_intent_lease_v1() - now()))::int,
                          'permit_s', public.billing_permit_s_v1(public.billing_intent_lease_v1()));
end
$$;

-- Three answers by kind, the same as those of billing_cli/domain/movement.py. A kind that none of them names is an
-- error (CASE_NOT_FOUND), never another kind's answer.

-- Whether a movement of this kind is an adjustment of what the company owes.
create or replace function public.billing_intent_books_v1(p_kind public.billing_intent_kind) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  case p_kind
    when 'refund', 'credit_note', 'invoice_item', 'balance', 'credit_grant' then return true;
    when 'mark_paid', 'void_invoice', 'mark_uncollectible' then return false;
  end case;
end
$$;

-- Whether Stripe's status says that the movement has no effect any more, so that its adjustment is taken back.
create or replace function public.billing_intent_reversed_v2(p_kind public.billing_intent_kind, p_status text)
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  case p_kind
    when 'refund' then return coalesce(p_status in ('failed', 'canceled'), false);
    when 'credit_note' then return coalesce(p_status in ('failed', 'canceled', 'void'), false);
    when 'credit_grant' then return coalesce(p_status = 'void', false);
    when 'invoice_item', 'balance', 'mark_paid', 'void_invoice', 'mark_uncollectible' then return false;
  end case;
end
$$;
drop function if exists public.billing_intent_reversed_v1(text);

-- Writes down what became of a claimed intent: done, refused, lapsed, or unknown (it stays open for the next run).
-- Unknown counts as the last try while its key was usable, within the lease of the last claim that may send.
-- Done writes the adjustment too, and the deployment's own row: p_here has its id and its new values.
create or replace function public.billing_intent_settle_v1(
  p_intent_id text, p_runner text, p_actor text, p_outcome text, p_object_id text default null,
  p_status text default null, p_request_id text default null, p_error text default null, p_here jsonb default '{}')
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_intent public.billing_intents;
  v_here text := 'unchanged';
begin
  select * into v_intent from public.billing_intents where intent_id = p_intent_id for update;
  -- The same again after a lost reply.
  if (v_intent.state::text = p_outcome and v_intent.stripe_object_id is not distinct from p_object_id)
     or (p_outcome = 'unknown' and v_intent.state = 'sending' and v_intent.claimed_by is null) then
    return public.billing_intent_document_v1(v_intent) || '{"here": "unchanged"}';
  end if;
  if v_intent.state <> 'sending' or v_intent.claimed_by is distinct from p_runner then
    raise exception 'Another run took over intent %.', p_intent_id using errcode = 'BL003',
      hint = 'See: billing intents show ' || p_intent_id;
  end if;
  if p_outcome = 'unknown' then
    update public.billing_intents
      set claimed_by = null, claimed_until = null, request_id = p_request_id, error = p_error,
          last_sent_at = case
            when now() <= first_sent_at + public.billing_intent_key_window_v1() + public.billing_intent_lease_v1() then now()
            else last_sent_at end
      where intent_id = p_intent_id returning * into v_intent;
  else
    update public.billing_intents
      set state = p_outcome::public.billing_intent_state, settled_at = now(), claimed_by = null, claimed_until = null,
          stripe_object_id = p_object_id, stripe_status = p_status, request_id = p_request_id, error = p_error
      where intent_id = p_intent_id returning * into v_intent;
  end if;
  if p_outcome = 'done' then
    perform public.billing_adjustment_add_v1(v_intent, p_actor, false);
    v_here := public.billing_intent_mirror_v1(v_intent, p_here);
  end if;
  perform public.billing_audit_append_v1(p_actor, v_intent.command || '.' || p_outcome, p_intent_id,
    jsonb_build_object('company_id', v_intent.company_id, 'kind', v_intent.kind, 'subject', v_intent.subject,
      'amount_minor', v_intent.amount_minor, 'currency', v_intent.currency, 'reason', v_intent.reason,
      'note', v_intent.note, 'stripe_object_id', p_object_id, 'stripe_status', p_status,
      'request_id', p_request_id, 'error', p_error, 'here', v_here));
  if p_outcome = 'done' and public.billing_intent_reversed_v2(v_intent.kind, p_status) then
    perform public.billing_adjustment_add_v1(v_intent, p_actor, true);
  end if;
  return public.billing_intent_document_v1(v_intent) || jsonb_build_object('here', v_here);
end
$$;

-- What Stripe says later of a refund that is done: pending becomes succeeded, or fails and is taken back here.
create or replace function public.billing_intent_follow_v1(
  p_intent_id text, p_status text, p_error text, p_actor text, p_here jsonb default '{}')
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_intent public.billing_intents;
  v_before text;
  v_here text;
begin
  select * into v_intent from public.billing_intents where intent_id = p_intent_id for update;
  if v_intent.state is distinct from 'done' then
    raise exception 'Intent % is not done; there is nothing to follow.', p_intent_id using errcode = 'BL004',
      hint = 'See: billing intents show ' || p_intent_id;
  end if;
  v_before := v_intent.stripe_status;
  if v_before is not distinct from p_status then
    return public.billing_intent_document_v1(v_intent);
  end if;
  update public.billing_intents set stripe_status = p_status, error = p_error
    where intent_id = p_intent_id returning * into v_intent;
  if public.billing_intent_reversed_v2(v_intent.kind, p_status) then
    perform public.billing_adjustment_add_v1(v_intent, p_actor, true);
  end if;
  v_here := public.billing_intent_mirror_v1(v_intent, p_here);
  perform public.billing_audit_append_v1(p_actor, v_intent.command || '.followed', p_intent_id,
    jsonb_build_object('before', v_before, 'stripe_status', p_status, 'error', p_error, 'here', v_here));
  return public.billing_intent_document_v1(v_intent);
end
$$;

-- The adjustment of an intent, or its reversal; once each; none if its kind books none.
create or replace function public.billing_adjustment_add_v1(
  p_intent public.billing_intents, p_actor text, p_reversal boolean)
returns void language sql set search_path = '' as $$
  insert into public.billing_adjustments
    (intent_id, company_id, kind, amount_minor, currency, reason, note, stripe_object_id, actor)
  select p_intent.intent_id, p_intent.company_id, p_intent.kind,
         case when p_intent.in_favour_of_company = p_reversal then p_intent.amount_minor else -p_intent.amount_minor end,
         p_intent.currency, case when p_reversal then p_intent.stripe_status || ': ' || p_intent.reason else p_intent.reason end,
         p_intent.note, p_intent.stripe_object_id, p_actor
  where public.billing_intent_books_v1(p_intent.kind)
  on conflict do nothing
$$;

-- Brings the deployment's own payment or invoice row up to date, by kind; p_here is empty if Stripe could not be read or
-- if a credit note gave no money back. They may be views, or guarded by triggers: what Stripe did is recorded whatever
-- they say. Returns updated, absent, unchanged, or why it could not be.
create or replace function public.billing_intent_mirror_v1(p_intent public.billing_intents, p_here jsonb) returns text
language plpgsql set search_path = '' as $$
declare
  v_rows bigint := 0;
begin
  if p_here = '{}' then
    return 'unchanged';
  end if;
  case p_intent.kind
    when 'refund', 'credit_note' then
      update public.billing_payments set refunded_minor = (p_here ->> 'refunded_minor')::bigint
        where payment_intent_id = p_here ->> 'payment_intent_id' and p_here ? 'refunded_minor';
    when 'mark_paid' then
      update public.billing_invoices set status = 'paid', amount_paid_minor = (p_here ->> 'amount_paid_minor')::bigint
        where invoice_id = p_here ->> 'invoice_id' and p_here ? 'amount_paid_minor';
    when 'void_invoice' then
      update public.billing_invoices set status = 'void' where invoice_id = p_here ->> 'invoice_id';
    when 'mark_uncollectible' then
      update public.billing_invoices set status = 'uncollectible' where invoice_id = p_here ->> 'invoice_id';
    when 'invoice_item', 'balance', 'credit_grant' then
      return 'unchanged';
  end case;
  get diagnostics v_rows = row_count;
  return case when v_rows > 0 then 'updated' else 'absent' end;
exception when others then
  return 'cannot be updated: ' || sqlerrm;
end
$$;

create or replace function public.billing_intents_list_v1(
  p_state text default null, p_company_id text default null, p_subject text default null, p_limit int default 50)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(public.billing_intent_document_v1(i) order by i.opened_at desc, i.intent_id), '[]')
  from (select * from public.billing_intents
        where (p_state is null or state::text = p_state) and (p_company_id is null or company_id = p_company_id)
          and (p_subject is null or subject = p_subject)
        order by opened_at desc, intent_id limit p_limit) i
$$;

create or replace function public.billing_intent_show_v1(p_intent_id text) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_intent public.billing_intents;
begin
  select * into v_intent from public.billing_intents where intent_id = p_intent_id;
  if not found then
    raise exception 'There is no intent %.', p_intent_id using errcode = 'BL004', hint = 'See: billing intents list';
  end if;
  return public.billing_intent_document_v1(v_intent);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_intent_lease_v1()',
  'public.billing_intent_key_window_v1()',
  'public.billing_intent_books_v1(public.billing_intent_kind)',
  'public.billing_intent_reversed_v2(public.billing_intent_kind, text)',
  'public.billing_intent_document_v1(public.billing_intents)',
  'public.billing_intents_about_v1(text, boolean, text, jsonb, jsonb)',
  'public.billing_payments_known_v1(jsonb)',
  'public.billing_invoices_known_v1(jsonb)',
  'public.billing_intents_mark_v1(text, boolean, text)',
  'public.billing_intents_marks_v1(text, boolean, jsonb)',
  'public.billing_intents_check_v1(text, boolean, jsonb, jsonb)',
  'public.billing_intents_open_v2(text, boolean, text, text, text, jsonb, jsonb, text, jsonb)',
  'public.billing_limits_check_v1(text, boolean, text, jsonb, jsonb, text)',
  'public.billing_intent_claim_v2(text, text, text, text)',
  'public.billing_intent_settle_v1(text, text, text, text, text, text, text, text, jsonb)',
  'public.billing_intent_follow_v1(text, text, text, text, jsonb)',
  'public.billing_adjustment_add_v1(public.billing_intents, text, boolean)',
  'public.billing_intent_mirror_v1(public.billing_intents, jsonb)',
  'public.billing_intents_list_v1(text, text, text, int)',
  'public.billing_intent_show_v1(text)'
]) as f;
