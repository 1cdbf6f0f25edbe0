-- A batch taken back: what Stripe can be told to forget, telling it, and what became of that.

-- The items of a batch, and what a rollback makes of each:
--   cancel       Stripe can be told to forget it
--   cancelling   Stripe may or may not have been told
--   late         beyond the 24 h in which Stripe cancels (an hour of margin is kept)
--   total        its event states a whole bucket, and there is none to go back to
--   overtaken    a last value that a later one has taken the place of
--   any other    its state
-- p_last names the events of meters that keep the last value, and not by windows.
-- Inlined into its callers on purpose: no SET clause, every name qualified.
create or replace function public.billing_rollback_items_v1(p_batch_id text, p_last jsonb)
returns table (fate text, item_id bigint, state public.billing_export_item_state)
language sql stable as $$
  select case
           when i.state <> 'accepted' then i.state::text
           when i.backend = 'usage-records' or (i.replaces and not p_last ? i.event_name) then 'total'
           when i.replaces and exists (
             select from public.billing_export_items n
             where n.stripe_account_id = i.stripe_account_id and n.livemode = i.livemode
               and n.bucket_start = i.bucket_start and n.company_id = i.company_id and n.meter = i.meter
               and n.item_id > i.item_id and n.state not in ('rejected', 'cancelled')) then 'overtaken'
           when i.first_sent_at < now() - interval '23 hours' then 'late'
           else 'cancel'
         end,
         i.item_id, i.state
  from public.billing_export_items i where i.batch_id = p_batch_id
$$;

-- What would be cancelled, item by item; the digest of a plan has it.
create or replace function public.billing_rollback_hash_v1(p_batch_id text, p_last jsonb) returns text
language sql stable set search_path = '' as $$
  select encode(sha256(convert_to(coalesce(string_agg(f.item_id::text, ',' order by f.item_id), ''), 'UTF8')), 'hex')
  from public.billing_rollback_items_v1(p_batch_id, p_last) f where f.fate in ('cancel', 'cancelling')
$$;

create or replace function public.billing_rollback_preview_v1(p_batch_id text, p_last jsonb) returns jsonb
language plpgsql stable set search_path = '' set statement_timeout = '5min' as $$
declare
  v_batch jsonb := public.billing_export_batch_summary_v1(p_batch_id);
begin
  if v_batch is null then
    raise exception 'There is no batch %.', p_batch_id using errcode = 'BL004', hint = 'See: billing batches list';
  end if;
  return jsonb_build_object(
    'batch', v_batch,
    'items_hash', public.billing_rollback_hash_v1(p_batch_id, p_last),
    'lines', (
      select coalesce(jsonb_agg(jsonb_build_object(
          'company_id', l.company_id, 'meter', l.meter, 'fate', l.fate, 'events', l.events,
          'quantity', trim_scale(l.quantity)::text, 'cancel_left_s', l.cancel_left_s, 'error', l.error)
          order by l.company_id collate "C", l.meter collate "C", l.fate collate "C"), '[]')
      from (
        select i.company_id, i.meter, f.fate, count(*) as events, sum(i.quantity) as quantity,
               extract(epoch from min(i.first_sent_at) + interval '24 hours' - now())::int as cancel_left_s,
               max(i.error) as error
        from public.billing_rollback_items_v1(p_batch_id, p_last) f
        join public.billing_export_items i using (item_id)
        group by 1, 2, 3) l));
end
$$;

-- Where a plan becomes a rollback. What would be cancelled is looked at again and must be what was shown;
-- a rollback that was begun goes on with whatever is left of it.
create or replace function public.billing_rollback_open_v1(
  p_batch_id text, p_last jsonb, p_items_hash text, p_digest text, p_actor text)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5min' as $$
declare
  v_batch public.billing_export_batches;
begin
  select * into v_batch from public.billing_export_batches where batch_id = p_batch_id for update;
  if v_batch.state = 'rolling_back' then
    return public.billing_export_batch_summary_v1(p_batch_id);
  end if;
  if v_batch.state is distinct from 'done'
     or public.billing_rollback_hash_v1(p_batch_id, p_last) <> p_items_hash then
    raise exception 'Plan changed: what can be cancelled of batch % is not what the plan showed.', p_batch_id
      using errcode = 'BL001', hint = 'Look again: billing batches rollback ' || p_batch_id;
  end if;
  update public.billing_export_batches set state = 'rolling_back', verified_at = null where batch_id = p_batch_id;
  -- What Stripe refused in an earlier rollback is asked for again.
  update public.billing_export_items i set error = null
    from public.billing_rollback_items_v1(p_batch_id, p_last) f
    where i.item_id = f.item_id and f.fate = 'cancel' and i.error is not null;
  perform public.billing_audit_append_v1(p_actor, 'rollback.opened', p_batch_id,
    jsonb_build_object('digest', p_digest, 'items_hash', p_items_hash));
  return public.billing_export_batch_summary_v1(p_batch_id);
end
$$;

-- Takes up to p_limit items for cancelling: first the orphaned claims of earlier runs, however old, because
-- asking again cannot do harm; then what Stripe was not asked for yet.
create or replace function public.billing_rollback_claim_v1(
  p_batch_id text, p_runner text, p_actor text, p_last jsonb, p_limit int default 500)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_items jsonb;
begin
  with orphans as (
    select i.item_id from public.billing_export_items i
    where i.batch_id = p_batch_id and i.state = 'cancelling' and i.claimed_by is null
    order by i.item_id limit p_limit
  ),
  fresh as (
    select f.item_id from public.billing_rollback_items_v1(p_batch_id, p_last) f
    join public.billing_export_items i using (item_id)
    -- The state stands here for the index; the fate implies it.
    where f.state = 'accepted' and f.fate = 'cancel' and i.error is null and i.claimed_by is distinct from p_runner
    order by f.item_id limit greatest(p_limit - (select count(*) from orphans), 0)
  ),
  chosen as (
    select i.item_id, i.state = 'cancelling' as maybe_sent from public.billing_export_items i
    where i.item_id in (select item_id from orphans union all select item_id from fresh)
    for update
  ),
  claimed as (
    update public.billing_export_items i
      set state = 'cancelling', claimed_by = p_runner, cancel_asked_at = now(),
          -- An orphan is asked for under the keys it was asked for before: Stripe then repeats its answers.
          attempts = i.attempts + case when chosen.maybe_sent then 0 else 1 end
      from chosen where i.item_id = chosen.item_id and i.state in ('accepted', 'cancelling')
      returning i.*, chosen.maybe_sent
  )
  select coalesce(jsonb_agg(jsonb_build_object(
      'item_id', c.item_id, 'identifier', c.identifier, 'event_name', c.event_name,
      'customer_key', c.customer_key, 'stripe_customer_id', c.stripe_customer_id, 'value_key', c.value_key,
      'value', trim_scale(c.sent_value)::text, 'timestamp', extract(epoch from c.event_at)::bigint,
      'attempts', c.attempts, 'maybe_sent', c.maybe_sent) order by c.item_id), '[]')
    into v_items from claimed c;
  if jsonb_array_length(v_items) > 0 then
    perform public.billing_audit_append_v1(p_actor, 'rollback.claimed', p_batch_id, jsonb_build_object(
      'items', jsonb_array_length(v_items), 'runner', p_runner));
  end if;
  return v_shared || jsonb_build_object('items', v_items);
end
$$;

-- Records Stripe's answers: [{item_id, outcome, tries, request_id, error}], outcome one of
--   cancelled    Stripe was told to forget it
--   refused      it was not: it counts as before; a later rollback may ask again
--   ambiguous    it cannot be known any more whether it counts
--   unsent       Stripe was certainly not asked
--   unknown      it may have been: an open claim, to be asked for again
create or replace function public.billing_rollback_settle_v1(
  p_batch_id text, p_runner text, p_actor text, p_results jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_settled bigint;
begin
  update public.billing_export_items i
    set state = case when r.outcome in ('refused', 'unsent') then 'accepted' when r.outcome = 'unknown' then 'cancelling'
                     else r.outcome end::public.billing_export_item_state,
        -- What this run could not settle it does not take up again: the next run does.
        claimed_by = case when r.outcome in ('unsent', 'unknown') then p_runner end,
        settled_at = case when r.outcome in ('cancelled', 'ambiguous') then now() else i.settled_at end,
        -- Totals that are read too soon after it prove nothing.
        cancel_asked_at = case when r.outcome = 'unsent' then null else now() end,
        attempts = i.attempts + greatest(coalesce(r.tries, 1) - 1, 0),
        request_id = coalesce(r.request_id, i.request_id),
        error = case when r.outcome <> 'unsent' then r.error end
    from jsonb_to_recordset(p_results)
      as r(item_id bigint, outcome text, tries int, request_id text, error text)
    where i.item_id = r.item_id and i.batch_id = p_batch_id
      and i.state = 'cancelling' and i.claimed_by = p_runner;
  get diagnostics v_settled = row_count;
  -- A repeated call settles nothing more and leaves no second trace.
  if v_settled > 0 then
    perform public.billing_audit_append_v1(p_actor, 'rollback.settled', p_batch_id, (
      select jsonb_object_agg(o.outcome, o.items) from (
        select r.outcome, count(*) as items from jsonb_to_recordset(p_results) as r(outcome text) group by 1) o));
  end if;
  return v_shared || jsonb_build_object('settled', v_settled);
end
$$;

-- Ends a run: the rollback is over when nothing is left that Stripe may have been, or can still be, asked for.
-- What it refused is not left.
create or replace function public.billing_rollback_finish_v1(
  p_batch_id text, p_runner text, p_actor text, p_last jsonb)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5min' as $$
declare
  v_left bigint;
begin
  perform 1 from public.billing_export_batches where batch_id = p_batch_id for update;
  perform public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  perform public.billing_batch_release_v1(p_batch_id, array[p_runner]);
  update public.billing_export_items set claimed_by = null
    where batch_id = p_batch_id and state = 'accepted' and claimed_by = p_runner;
  select count(*) into v_left
    from public.billing_rollback_items_v1(p_batch_id, p_last) f join public.billing_export_items i using (item_id)
    where f.fate = 'cancelling' or (f.fate = 'cancel' and i.error is null);
  update public.billing_export_batches
    set state = case when v_left = 0 then 'done' else 'rolling_back' end::public.billing_export_batch_state
    where batch_id = p_batch_id;
  perform public.billing_audit_append_v1(p_actor, 'rollback.finished', p_batch_id,
    jsonb_build_object('left', v_left, 'runner', p_runner));
  return public.billing_export_batch_summary_v1(p_batch_id);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_rollback_items_v1(text, jsonb)',
  'public.billing_rollback_hash_v1(text, jsonb)',
  'public.billing_rollback_preview_v1(text, jsonb)',
  'public.billing_rollback_open_v1(text, jsonb, text, text, text)',
  'public.billing_rollback_claim_v1(text, text, text, jsonb, int)',
  'public.billing_rollback_settle_v1(text, text, text, jsonb)',
  'public.billing_rollback_finish_v1(text, text, text, jsonb)'
]) as f;
