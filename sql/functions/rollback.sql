-- A batch taken back: what Stripe can be told to forget, telling it, and what became of that.

-- The items of a batch, and what a rollback makes of each:
--   cancel       Stripe can be told to forget it
--   cancelling   Stripe may or may not have been told
--   late         beyond the 24 h in which Stripe cancels (an hour of margin is kept)
--   total        its event states a whole bucket, and there is none to go back to
--   overtaken    a last value that a later one has taken the place of
--   corrected    a later export took it back: without it, Stripe would have less than nothing of that hour
--   any other    its state
-- p_last names the events of meters that keep the last value, and not by windows.
-- Inlined into its callers on purpose: no SET clause, every name qualified.
create or replace function public.billing_rollback_items_v1(p_batch_id text, p_last jsonb)
returns table (fate text, item_id bigint, state public.billing_export_item_state, error text)
language sql stable as $$
  select case
           when i.state <> 'accepted' then i.state::text
           when i.backend = 'usage-records' or (i.replaces and not p_last ? i.event_name) then 'total'
           when i.replaces and exists (
             -- By customer and time, which an index has; the events of a bucket are some seconds apart.
             select from public.billing_export_items n
             where n.stripe_account_id = i.stripe_account_id and n.livemode = i.livemode
               and n.stripe_customer_id = i.stripe_customer_id and n.event_name = i.event_name
               and n.event_at >= i.bucket_start and n.event_at < i.bucket_start + interval '1 hour'
               and n.item_id > i.item_id and n.state not in ('rejected', 'cancelled')) then 'overtaken'
           when not i.replaces and i.quantity > 0 and (
             select sum(n.quantity) from public.billing_export_items n
             where n.stripe_account_id = i.stripe_account_id and n.livemode = i.livemode
               and n.stripe_customer_id = i.stripe_customer_id and n.event_name = i.event_name
               and n.bucket_start = i.bucket_start and n.item_id <> i.item_id
               and n.state not in ('rejected', 'cancelled')) < 0 then 'corrected'
           when i.first_sent_at < now() - interval '23 hours' then 'late'
           else 'cancel'
         end,
         i.item_id, i.state, i.error
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
          'company_id', l.company_id, 'meter', l.meter,
          'stripe_customer_id', l.stripe_customer_id, 'event_name', l.event_name,
          'is_companys', exists (
            select from public.billing_companies c where c.company_id = l.company_id
              and public.billing_customer_id_v1(c.stripe_customer_id) = l.stripe_customer_id),
          'fate', l.fate, 'events', l.events,
          'quantity', trim_scale(l.quantity)::text, 'cancel_left_s', l.cancel_left_s, 'error', l.error)
          order by l.company_id collate "C", l.meter collate "C", l.fate collate "C"), '[]')
      from (
        select public.billing_item_company_v1(i) as company_id, public.billing_item_meter_v1(i) as meter,
               i.stripe_customer_id, i.event_name, f.fate, count(*) as events, sum(i.quantity) as quantity,
               extract(epoch from min(i.first_sent_at) + interval '24 hours' - now())::int as cancel_left_s,
               max(i.error) as error
        from public.billing_rollback_items_v1(p_batch_id, p_last) f
        join public.billing_export_items i on i.item_id = f.item_id
        group by 1, 2, 3, 4, 5) l));
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
    where i.item_id = f.item_id and f.fate = 'cancel' and f.error is not null;
  perform public.billing_audit_append_v1(p_actor, 'rollback.opened', p_batch_id,
    jsonb_build_object('digest', p_digest, 'items_hash', p_items_hash));
  return public.billing_export_batch_summary_v1(p_batch_id);
end
$$;

-- Takes up to p_limit items for cancelling: first the orphaned claims of earlier runs, however old, because
-- asking again cannot do harm; then what Stripe was not asked for yet, in order, beginning where this runner left off.
-- Like billing_batch_take_v1, whatever statistics say: by index, and in its order.
create or replace function public.billing_rollback_claim_v1(
  p_batch_id text, p_runner text, p_actor text, p_last jsonb, p_limit int default 500)
returns jsonb language plpgsql
set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_past bigint;
  v_orphans bigint[];
  v_fresh bigint[];
  v_items jsonb;
begin
  select past_item_id into v_past from public.billing_export_runners
    where batch_id = p_batch_id and runner = p_runner;
  select coalesce(array_agg(o.item_id), '{}') into v_orphans from (
    select item_id from public.billing_export_items
    where batch_id = p_batch_id and state = 'cancelling' and claimed_by is null limit p_limit) o;
  select coalesce(array_agg(f.item_id), '{}') into v_fresh from (
    select item_id from public.billing_rollback_items_v1(p_batch_id, p_last)
    -- Rows, because only the index that begins with the batch has this order; by item_id alone, the items of all
    -- batches would do.
    where (state, item_id) > ('accepted', v_past) and (state, item_id) < ('accepted', 9223372036854775807)
      and fate = 'cancel' and error is null
    order by state, item_id limit p_limit - cardinality(v_orphans)) f;
  if v_fresh <> '{}' then
    update public.billing_export_runners set past_item_id = v_fresh[cardinality(v_fresh)]
      where batch_id = p_batch_id and runner = p_runner;
  end if;
  with claimed as (
    update public.billing_export_items i
      set state = 'cancelling', claimed_by = p_runner, cancel_asked_at = now(),
          -- An orphan is asked for under the keys it was asked for before: Stripe then repeats its answers.
          attempts = i.attempts + case when chosen.maybe_sent then 0 else 1 end
      from (select unnest(v_orphans) as item_id, true as maybe_sent
            union all select unnest(v_fresh), false) chosen
      -- A verification may have found otherwise since it was chosen.
      where i.item_id = chosen.item_id and i.state in ('accepted', 'cancelling')
      returning i as item, chosen.maybe_sent
  )
  select coalesce(jsonb_agg(public.billing_claimed_item_v1(c.item, c.maybe_sent) order by (c.item).item_id), '[]')
    into v_items from claimed c;
  if v_items <> '[]' then
    perform public.billing_audit_append_v1(p_actor, 'rollback.claimed', p_batch_id, jsonb_build_object(
      'items', jsonb_array_length(v_items), 'runner', p_runner));
  end if;
  return v_shared || jsonb_build_object('items', v_items);
end
$$;

-- Ends a run: the rollback is over when nothing is left that Stripe may have been, or can still be, asked for.
-- What it refused is not left. The same call again answers as the first one did, and records nothing.
create or replace function public.billing_rollback_finish_v1(
  p_batch_id text, p_runner text, p_actor text, p_last jsonb)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '5min' as $$
declare
  v_left bigint;
begin
  perform 1 from public.billing_export_batches where batch_id = p_batch_id for update;
  if public.billing_batch_finished_by_v1(p_batch_id, p_runner) then
    return public.billing_export_batch_summary_v1(p_batch_id);
  end if;
  perform public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  perform public.billing_batch_release_v1(p_batch_id, array[p_runner]);
  update public.billing_export_items set claimed_by = null
    where batch_id = p_batch_id and state = 'accepted' and claimed_by = p_runner;
  select count(*) into v_left
    from public.billing_rollback_items_v1(p_batch_id, p_last)
    where fate = 'cancelling' or (fate = 'cancel' and error is null);
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
  'public.billing_rollback_finish_v1(text, text, text, jsonb)'
]) as f;
