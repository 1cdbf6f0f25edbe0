-- A batch at work: who runs it, what is claimed, what Stripe answered, what is left.

-- How long a silent runner keeps its batch.
create or replace function public.billing_export_lease_v1() returns interval
language sql immutable as $$ select interval '60 seconds' $$;

create or replace function public.billing_export_batch_summary_v1(p_batch_id text) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'batch_id', b.batch_id, 'state', b.state, 'stripe_account_id', b.stripe_account_id, 'livemode', b.livemode,
    'window_start', b.window_start, 'window_end', b.window_end, 'actor', b.actor, 'digest', b.plan_digest,
    'opened_at', b.opened_at, 'finished_at', b.finished_at, 'verified_at', b.verified_at,
    'runners', r.runners, 'runner', r.runner,
    'runner_silent_s', extract(epoch from now() - r.seen_at)::int,
    'runner_left_s', ceil(extract(epoch from r.expires_at - now()))::int,
    'backends', c.backends, 'pending', c.pending, 'sending', c.sending, 'accepted', c.accepted,
    'rejected', c.rejected, 'ambiguous', c.ambiguous, 'missing', c.missing,
    'cancelling', c.cancelling, 'cancelled', c.cancelled,
    -- Stripe deduplicates and cancels for 24 h, counted from the oldest; null where nothing was sent.
    'dedup_left_s', extract(epoch from c.oldest_open + interval '24 hours' - now())::int,
    'cancel_left_s', extract(epoch from c.oldest_accepted + interval '24 hours' - now())::int)
  from public.billing_export_batches b
  cross join lateral (
    select coalesce(jsonb_agg(distinct i.backend) filter (where i.backend is not null), '[]') as backends,
           count(*) filter (where i.state = 'pending') as pending,
           count(*) filter (where i.state = 'sending') as sending,
           count(*) filter (where i.state = 'accepted') as accepted,
           count(*) filter (where i.state = 'rejected') as rejected,
           count(*) filter (where i.state = 'ambiguous') as ambiguous,
           count(*) filter (where i.state = 'missing') as missing,
           count(*) filter (where i.state = 'cancelling') as cancelling,
           count(*) filter (where i.state = 'cancelled') as cancelled,
           min(i.first_sent_at) filter (where i.state = 'sending') as oldest_open,
           min(i.first_sent_at) filter (where i.state = 'accepted') as oldest_accepted
    from public.billing_export_items i where i.batch_id = b.batch_id) c
  -- Of several runners the one heard of last.
  cross join lateral (
    select count(*) as runners, (array_agg(n.runner order by n.seen_at desc))[1] as runner,
           max(n.seen_at) as seen_at, max(n.expires_at) as expires_at
    from public.billing_export_runners n where n.batch_id = b.batch_id) r
  where b.batch_id = p_batch_id
$$;

create or replace function public.billing_batches_list_v1(p_limit int default 20) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(public.billing_export_batch_summary_v1(b.batch_id) order by b.opened_at desc), '[]')
  from (select batch_id, opened_at from public.billing_export_batches order by opened_at desc limit p_limit) b
$$;

-- One batch and a page of its items; page on with the last item_id.
create or replace function public.billing_batch_show_v1(
  p_batch_id text, p_state text default null, p_after_item_id bigint default 0, p_limit int default 500)
returns jsonb language plpgsql stable set search_path = '' as $$
declare
  v_batch jsonb := public.billing_export_batch_summary_v1(p_batch_id);
begin
  if v_batch is null then
    raise exception 'There is no batch %.', p_batch_id using errcode = 'BL004', hint = 'See: billing batches list';
  end if;
  return jsonb_build_object('batch', v_batch, 'items', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'item_id', i.item_id, 'company_id', public.billing_item_company_v1(i), 'meter', public.billing_item_meter_v1(i),
      'stripe_customer_id', i.stripe_customer_id, 'event_name', i.event_name,
      'origins', public.billing_item_origins_v1(i), 'bucket_start', i.bucket_start,
      'quantity', trim_scale(i.quantity)::text, 'backend', i.backend, 'replaces', i.replaces,
      'sent_value', trim_scale(i.sent_value)::text, 'event_at', i.event_at, 'verified_at', i.verified_at,
      'identifier', i.identifier, 'state', i.state,
      'attempts', i.attempts, 'first_sent_at', i.first_sent_at, 'settled_at', i.settled_at,
      'request_id', i.request_id, 'error', i.error) order by i.item_id), '[]')
    from public.billing_export_items i
    where i.item_id in (
      select n.item_id from public.billing_export_items n
      where n.batch_id = p_batch_id and n.item_id > p_after_item_id and (p_state is null or n.state::text = p_state)
      order by n.item_id limit p_limit)));
end
$$;

-- Takes runners away, so that their claims become orphans. Callers hold the batch's row or are one of its runners.
create or replace function public.billing_batch_release_v1(p_batch_id text, p_runners text[]) returns bigint
language plpgsql set search_path = '' as $$
declare
  v_orphans bigint;
begin
  delete from public.billing_export_runners where batch_id = p_batch_id and runner = any (p_runners);
  update public.billing_export_items set claimed_by = null
    where batch_id = p_batch_id and state in ('pending', 'sending', 'cancelling') and claimed_by = any (p_runners);
  get diagnostics v_orphans = row_count;
  return v_orphans;
end
$$;

-- Becomes a runner of the batch if it has none that lives, or if all that live share it and so does this one.
-- Those of p_dead are known to be dead. Answers the summary, `acquired`, and the `living` that are in the way.
create or replace function public.billing_batch_acquire_v2(
  p_batch_id text, p_runner text, p_actor text, p_shares boolean default false, p_most_per_s real default null,
  p_dead jsonb default '[]')
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_batch public.billing_export_batches;
  v_gone text[];
  v_living jsonb;
  v_orphans bigint;
begin
  select * into v_batch from public.billing_export_batches where batch_id = p_batch_id for update;
  if not found then
    raise exception 'There is no batch %.', p_batch_id using errcode = 'BL004', hint = 'See: billing batches list';
  end if;
  select coalesce(array_agg(r.runner), '{}') into v_gone from public.billing_export_runners r
    where r.batch_id = p_batch_id and (r.expires_at <= now() or p_dead ? r.runner);
  -- Claims can outlive the row of their runner: a batch that was left without a word.
  v_orphans := public.billing_batch_release_v1(p_batch_id, v_gone);
  update public.billing_export_items i set claimed_by = null
    where i.batch_id = p_batch_id and i.state in ('sending', 'cancelling') and i.claimed_by is not null
      and not exists (select from public.billing_export_runners r
                      where r.batch_id = p_batch_id and r.runner = i.claimed_by);
  select coalesce(jsonb_agg(r.runner), '[]') into v_living from public.billing_export_runners r
    where r.batch_id = p_batch_id and r.runner <> p_runner and not (r.shares and p_shares);
  if v_batch.state = 'done' or v_living <> '[]' then
    return public.billing_export_batch_summary_v1(p_batch_id)
      || jsonb_build_object('acquired', false, 'living', v_living);
  end if;
  insert into public.billing_export_runners (batch_id, runner, shares, most_per_s, expires_at)
    values (p_batch_id, p_runner, p_shares, p_most_per_s, now() + public.billing_export_lease_v1())
    on conflict (batch_id, runner) do update set seen_at = now(), expires_at = excluded.expires_at;
  perform public.billing_audit_append_v1(p_actor, 'export.acquired', p_batch_id,
    jsonb_build_object('runner', p_runner, 'gone', v_gone, 'open_claims', v_orphans));
  return public.billing_export_batch_summary_v1(p_batch_id)
    || jsonb_build_object('acquired', true, 'living', v_living);
end
$$;

-- For how many seconds a holder may send, counted by itself from before it asked: three quarters of its lease, so
-- that a request which was begun in time reaches Stripe before another run may repeat it.
create or replace function public.billing_permit_s_v1(p_lease interval) returns int
language sql immutable as $$ select floor(extract(epoch from p_lease) * 3 / 4)::int $$;

-- Proves that the caller still runs the batch, and renews its lease, unless that ran out: then its claims are for
-- others to take, whether one has come or not. Answers the `permit_s` that the caller may send for, how many `runners`
-- there are, and how many events a second they may send together (null: as many as Stripe takes).
create or replace function public.billing_batch_heartbeat_v1(p_batch_id text, p_runner text) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.billing_export_runners
    set seen_at = now(), expires_at = now() + public.billing_export_lease_v1()
    where batch_id = p_batch_id and runner = p_runner and expires_at > now();
  if not found then
    raise exception 'This run lost batch %: it was silent for longer than its lease.', p_batch_id
      using errcode = 'BL003', hint = 'See: billing batches show ' || p_batch_id;
  end if;
  return (select jsonb_build_object('runners', count(*), 'most_per_s', min(r.most_per_s),
                                    'permit_s', public.billing_permit_s_v1(public.billing_export_lease_v1()))
          from public.billing_export_runners r where r.batch_id = p_batch_id and r.expires_at > now());
end
$$;

-- How long an event may be sent again under its identifier: Stripe deduplicates for 24 hours, and an hour of
-- margin is kept.
create or replace function public.billing_export_resendable_v1() returns interval
language sql immutable as $$ select interval '23 hours' $$;

-- Renews the caller's lease and answers what all runners share, with the `others`: whether one was `heard` of since
-- p_since (an `at` of an earlier answer), and whether it joined `later`. With p_count also how much is `left` of the
-- batch, and whether any of it is `claimable` for the caller. Those of p_dead are known to be dead, and go.
create or replace function public.billing_batch_others_v1(
  p_batch_id text, p_runner text, p_actor text, p_dead jsonb default '[]', p_since timestamptz default null,
  p_count boolean default false)
returns jsonb language plpgsql
set search_path = '' set enable_seqscan = off as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_gone text[];
  v_orphans bigint;
begin
  select array_agg(r.runner) into v_gone from public.billing_export_runners r
    where r.batch_id = p_batch_id and r.runner <> p_runner and (p_dead ? r.runner or r.expires_at <= now());
  if v_gone is not null then
    v_orphans := public.billing_batch_release_v1(p_batch_id, v_gone);
    perform public.billing_audit_append_v1(p_actor, 'export.released', p_batch_id,
      jsonb_build_object('runner', p_runner, 'gone', v_gone, 'open_claims', v_orphans));
    v_shared := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  end if;
  if p_count then
    v_shared := v_shared || (
      select jsonb_build_object('left', count(*), 'claimable', coalesce(bool_or(
        (state = 'pending' and claimed_by is distinct from p_runner or state = 'sending' and claimed_by is null)
        and (replaces or coalesce(first_sent_at, now()) >= now() - public.billing_export_resendable_v1())
        and (step < 3 or not public.billing_batch_lowering_v1(p_batch_id))), false))
      from public.billing_export_items where batch_id = p_batch_id and state in ('pending', 'sending'));
  end if;
  return v_shared || jsonb_build_object('at', now(), 'others', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'runner', o.runner, 'heard', coalesce(o.seen_at >= p_since, false),
      'later', (o.joined_at, o.runner) > (m.joined_at, m.runner)) order by o.joined_at, o.runner), '[]')
    from public.billing_export_runners m
    join public.billing_export_runners o on o.batch_id = m.batch_id and o.runner <> m.runner and o.expires_at > now()
    where m.batch_id = p_batch_id and m.runner = p_runner));
end
$$;

-- A claimed item as a run takes it. Inlined into its callers: no SET clause, every name qualified.
create or replace function public.billing_claimed_item_v1(i public.billing_export_items, p_maybe_sent boolean)
returns jsonb language sql stable as $$
  select jsonb_build_object(
    'item_id', i.item_id, 'identifier', i.identifier, 'event_name', i.event_name,
    'customer_key', i.customer_key, 'stripe_customer_id', i.stripe_customer_id, 'value_key', i.value_key,
    'value', trim_scale(i.sent_value)::text, 'timestamp', extract(epoch from i.event_at)::bigint,
    'subscription_item', i.subscription_item, 'attempts', i.attempts, 'maybe_sent', p_maybe_sent)
$$;

-- Whether items that lower a total are still to be sent, or may be on their way.
create or replace function public.billing_batch_lowering_v1(p_batch_id text) returns boolean
language sql stable set search_path = '' set enable_seqscan = off as $$
  select exists (select from public.billing_export_items i
                 where i.batch_id = p_batch_id and i.step = 1 and i.state in ('pending', 'sending'))
$$;

-- Rejects items that waited for a lower total which Stripe did not take, or may not have: with them, Stripe would have
-- more than the usage. The next plan judges them anew.
create or replace function public.billing_batch_give_up_v1(p_batch_id text, p_actor text) returns void
language plpgsql set search_path = '' as $$
declare
  v_items bigint;
begin
  -- Items of steps 3 and 4 exist beside items of step 1 only, so most batches end here.
  if not exists (select from public.billing_export_items i
                 where i.batch_id = p_batch_id and i.step = 1 and i.state in ('rejected', 'ambiguous', 'missing')) then
    return;
  end if;
  update public.billing_export_items i
    set state = 'rejected', settled_at = now(),
        error = 'Not sent: a correction that comes first was not accepted. Plan the export again.'
    where i.batch_id = p_batch_id and i.state = 'pending' and i.step >= 3 and i.first_sent_at is null
      and (i.step = 4
        or (i.stripe_customer_id, i.event_name) in (
          select f.stripe_customer_id, f.event_name from public.billing_export_items f
          where f.batch_id = p_batch_id and f.step = 1 and f.state in ('rejected', 'ambiguous', 'missing'))
        or i.bucket_start in (
          select f.bucket_start from public.billing_export_items f
          where f.batch_id = p_batch_id and f.step = 1 and f.state in ('rejected', 'ambiguous', 'missing')));
  get diagnostics v_items = row_count;
  if v_items > 0 then
    perform public.billing_audit_append_v1(p_actor, 'export.given_up', p_batch_id, jsonb_build_object('items', v_items));
  end if;
end
$$;

-- Orphans, then pending items of every p_places-th customer and meter; for billing_batch_claim_v2.
-- Statistics lag behind a batch that is being sent. Any plan but these index scans, in the order of their index,
-- goes through all that was sent already, at every claim. Items of steps 3 and 4 wait until none of step 1 is left.
create or replace function public.billing_batch_take_v1(
  p_batch_id text, p_runner text, p_backend text, p_limit int, p_place int, p_places int)
returns jsonb language plpgsql
set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  v_orphans bigint[];
  v_fresh bigint[];
  v_items jsonb;
  v_last_step int := case when public.billing_batch_lowering_v1(p_batch_id) then 2 else 4 end;
begin
  select coalesce(array_agg(o.item_id), '{}') into v_orphans from (
    select item_id from public.billing_export_items
    where batch_id = p_batch_id and state = 'sending' and claimed_by is null and backend = p_backend
      and (replaces or first_sent_at >= now() - public.billing_export_resendable_v1())
    limit p_limit for update skip locked) o;
  select coalesce(array_agg(f.item_id), '{}') into v_fresh from (
    select item_id from public.billing_export_items
    where batch_id = p_batch_id and state = 'pending' and claimed_by is distinct from p_runner and backend = p_backend
      and step <= v_last_step
      and (replaces or coalesce(first_sent_at, now()) >= now() - public.billing_export_resendable_v1())
      and (p_places = 1
           or mod(hashtext(stripe_customer_id || ' ' || event_name)::bigint + 2147483648, p_places) = p_place)
    limit p_limit - cardinality(v_orphans) for update skip locked) f;
  with claimed as (
    update public.billing_export_items i
      set state = 'sending', claimed_by = p_runner, attempts = i.attempts + 1,
          first_sent_at = coalesce(i.first_sent_at, now()), last_sent_at = now()
      from (select unnest(v_orphans) as item_id, true as maybe_sent
            union all select unnest(v_fresh), false) chosen
      where i.item_id = chosen.item_id
      returning i as item, chosen.maybe_sent
  )
  select coalesce(jsonb_agg(public.billing_claimed_item_v1(c.item, c.maybe_sent) order by (c.item).item_id), '[]')
    into v_items from claimed c;
  return v_items;
end
$$;

-- Takes up to p_limit items of one backend for sending: first the orphaned claims of earlier runs, then pending
-- ones. What is too old for Stripe to deduplicate is left to billing_proof_claim_v1, unless its event replaces
-- what it may have sent before.
-- Of several runners each takes the customers and meters that fall to it, so that they do not meet in one; when none
-- of these is left it helps with the others. `waits`: nothing can be claimed before others that are under way are
-- settled.
create or replace function public.billing_batch_claim_v2(
  p_batch_id text, p_runner text, p_actor text, p_backend text, p_limit int default 500)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_gone text[];
  v_place int;
  v_places int;
  v_items jsonb;
  v_waits boolean := false;
begin
  perform public.billing_batch_give_up_v1(p_batch_id, p_actor);
  select array_agg(r.runner) into v_gone from public.billing_export_runners r
    where r.batch_id = p_batch_id and r.expires_at <= now();
  if v_gone is not null then
    perform public.billing_batch_release_v1(p_batch_id, v_gone);
  end if;
  select r.place, r.places into v_place, v_places
    from (select n.runner, row_number() over (order by n.joined_at, n.runner) - 1 as place, count(*) over () as places
          from public.billing_export_runners n where n.batch_id = p_batch_id) r
    where r.runner = p_runner;
  v_items := public.billing_batch_take_v1(p_batch_id, p_runner, p_backend, p_limit, v_place, v_places);
  if v_items = '[]' and v_places > 1 then
    v_items := public.billing_batch_take_v1(p_batch_id, p_runner, p_backend, p_limit, 0, 1);
  end if;
  if v_items = '[]' then
    v_waits := public.billing_batch_lowering_v1(p_batch_id) and exists (
      select from public.billing_export_items i
      where i.batch_id = p_batch_id and i.state = 'pending' and i.step >= 3 and i.backend = p_backend);
  else
    perform public.billing_audit_append_v1(p_actor, 'export.claimed', p_batch_id, jsonb_build_object(
      'items', jsonb_array_length(v_items), 'runner', p_runner));
  end if;
  return v_shared || jsonb_build_object('items', v_items, 'waits', v_waits);
end
$$;

-- What becomes of an item that is being sent or cancelled.
create or replace function public.billing_item_state_after_v1(
  p_state public.billing_export_item_state, p_outcome text)
returns public.billing_export_item_state language sql immutable as $$
  select case
    when p_outcome = 'unknown' then p_state
    when p_outcome not in ('unsent', 'uncounted', 'refused') then p_outcome::public.billing_export_item_state
    when p_state = 'cancelling' then 'accepted'
    else 'pending'
  end
$$;

-- Records Stripe's answers about what was sent, or was to be cancelled:
-- [{item_id, outcome, tries, request_id, error}], outcome one of
--   accepted, rejected, cancelled   final
--   ambiguous                       it cannot be known any more whether it counts
--   unsent                          Stripe was certainly not asked: what it was before, for the next run
--   uncounted                       Stripe's totals prove that it is not counted: pending again, for this run too
--   refused                         it was not cancelled, and counts as before; a later rollback may ask again
--   unknown                         Stripe may have been asked: an open claim, to be asked for again as it was
create or replace function public.billing_batch_settle_v1(
  p_batch_id text, p_runner text, p_actor text, p_results jsonb)
returns jsonb language plpgsql
set search_path = '' set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_settled bigint;
begin
  update public.billing_export_items i
    set state = public.billing_item_state_after_v1(i.state, r.outcome),
        -- What this run could not settle it does not take up again: the next run does.
        claimed_by = case when r.outcome in ('unsent', 'unknown') then p_runner end,
        first_sent_at = case
          when i.state = 'cancelling' then i.first_sent_at
          when r.outcome = 'unsent' then null
          -- Proved uncounted it stays so for as long as Stripe would take it once only; then it is proved anew.
          when r.outcome = 'uncounted' then now()
          else i.first_sent_at end,
        -- Totals that are read too soon after it prove nothing.
        cancel_asked_at = case when i.state = 'cancelling' and r.outcome <> 'unsent' then now() end,
        settled_at = case
          when r.outcome in ('accepted', 'rejected', 'ambiguous', 'cancelled') then now()
          when i.state = 'cancelling' then i.settled_at end,
        attempts = i.attempts + greatest(coalesce(r.tries, 1) - 1, 0),
        request_id = coalesce(r.request_id, i.request_id),
        -- With an error it would pass for refused.
        error = case when i.state <> 'cancelling' or r.outcome <> 'unsent' then r.error end
    from jsonb_to_recordset(p_results)
      as r(item_id bigint, outcome text, tries int, request_id text, error text)
    where i.item_id = r.item_id
      -- A case, of which the planner expects half of the table: taken for rare, these items would be found first,
      -- all that are under way, and each be compared with every result.
      and case when i.batch_id = p_batch_id and i.state in ('sending', 'cancelling') and i.claimed_by = p_runner
               then true else false end;
  get diagnostics v_settled = row_count;
  -- A repeated call settles nothing more and leaves no second trace.
  if v_settled > 0 then
    perform public.billing_audit_append_v1(
      p_actor,
      (select case b.state when 'rolling_back' then 'rollback' else 'export' end || '.settled'
       from public.billing_export_batches b where b.batch_id = p_batch_id),
      p_batch_id, (
      select jsonb_object_agg(o.outcome, o.items) from (
        select r.outcome, count(*) as items from jsonb_to_recordset(p_results) as r(outcome text) group by 1) o));
  end if;
  return v_shared || jsonb_build_object('settled', v_settled);
end
$$;

-- Whether finishing its run was the last thing that a runner did with a batch: then finishing again is a call that was
-- repeated. A runner leaves a row in the audit log when it begins, so the search never goes back further.
create or replace function public.billing_batch_finished_by_v1(p_batch_id text, p_runner text) returns boolean
language sql stable set search_path = '' set enable_seqscan = off as $$
  select not exists (select from public.billing_export_runners r where r.batch_id = p_batch_id and r.runner = p_runner)
    and coalesce((
      select l.action in ('export.finished', 'rollback.finished') from public.billing_audit_log l
      where l.subject = p_batch_id and l.details ->> 'runner' = p_runner order by l.audit_id desc limit 1), false)
$$;

-- Ends a run: the batch is done when nothing is left to send, else it waits for its other runners or the next run.
-- The same call again answers as the first one did, and records nothing.
create or replace function public.billing_batch_finish_v1(p_batch_id text, p_runner text, p_actor text)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_left bigint;
begin
  perform 1 from public.billing_export_batches where batch_id = p_batch_id for update;
  if public.billing_batch_finished_by_v1(p_batch_id, p_runner) then
    return public.billing_export_batch_summary_v1(p_batch_id);
  end if;
  perform public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  perform public.billing_batch_release_v1(p_batch_id, array[p_runner]);
  select count(*) into v_left from public.billing_export_items
    where batch_id = p_batch_id and state in ('pending', 'sending');
  update public.billing_export_batches
    set state = case when v_left = 0 then 'done' else 'open' end::public.billing_export_batch_state,
        finished_at = case when v_left = 0 then now() end
    where batch_id = p_batch_id;
  perform public.billing_audit_append_v1(p_actor, 'export.finished', p_batch_id,
    jsonb_build_object('left', v_left, 'runner', p_runner));
  return public.billing_export_batch_summary_v1(p_batch_id);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_export_lease_v1()',
  'public.billing_export_resendable_v1()',
  'public.billing_export_batch_summary_v1(text)',
  'public.billing_batches_list_v1(int)',
  'public.billing_batch_show_v1(text, text, bigint, int)',
  'public.billing_batch_release_v1(text, text[])',
  'public.billing_batch_acquire_v2(text, text, text, boolean, real, jsonb)',
  'public.billing_permit_s_v1(interval)',
  'public.billing_batch_heartbeat_v1(text, text)',
  'public.billing_batch_others_v1(text, text, text, jsonb, timestamptz, boolean)',
  'public.billing_batch_lowering_v1(text)',
  'public.billing_batch_give_up_v1(text, text)',
  'public.billing_batch_take_v1(text, text, text, int, int, int)',
  'public.billing_batch_claim_v2(text, text, text, text, int)',
  'public.billing_claimed_item_v1(public.billing_export_items, boolean)',
  'public.billing_item_state_after_v1(public.billing_export_item_state, text)',
  'public.billing_batch_settle_v1(text, text, text, jsonb)',
  'public.billing_batch_finished_by_v1(text, text)',
  'public.billing_batch_finish_v1(text, text, text)'
]) as f;
