-- What Stripe's totals prove of the events that we sent: who asks, what there is to compare, what follows.

-- Takes up to p_limit items that Stripe may have counted and would not deduplicate any more, for proving: orphaned
-- claims, and what was proved uncounted and then not sent for as long. Not those whose last try is less than p_lag_s
-- ago, because totals may lack it; they are `waiting`, the others `old`. Events that replace what was sent before are simply sent again.
create or replace function public.billing_proof_claim_v1(
  p_batch_id text, p_runner text, p_actor text, p_lag_s int, p_limit int default 100)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_shared jsonb := public.billing_batch_heartbeat_v1(p_batch_id, p_runner);
  v_items jsonb;
  v_old bigint;
  v_waiting bigint;
begin
  with old as (
    select i.item_id, coalesce(i.last_sent_at, i.first_sent_at) < now() - make_interval(secs => p_lag_s) as certain
    from public.billing_export_items i
    where i.batch_id = p_batch_id and not i.replaces
      and i.first_sent_at < now() - public.billing_export_resendable_v1()
      and ((i.state = 'sending' and i.claimed_by is null)
        or (i.state = 'pending' and i.claimed_by is distinct from p_runner))
  ),
  chosen as (
    select i.item_id from public.billing_export_items i join old using (item_id)
    where old.certain
    -- What is in one total comes together, as far as it goes.
    order by i.stripe_customer_id, i.event_name, i.item_id limit p_limit for update of i skip locked
  ),
  claimed as (
    update public.billing_export_items i set state = 'sending', claimed_by = p_runner
    from chosen where i.item_id = chosen.item_id
      -- Another runner may have taken it since it was chosen.
      and i.state in ('sending', 'pending') and (i.claimed_by is null or i.state = 'pending')
    returning i.*
  )
  select coalesce(jsonb_agg(jsonb_build_object('item_id', c.item_id, 'stripe_customer_id', c.stripe_customer_id,
      'event_name', c.event_name, 'event_s', extract(epoch from c.event_at)::bigint) order by c.item_id), '[]'),
    (select count(*) from old where old.certain), (select count(*) from old where not old.certain)
    into v_items, v_old, v_waiting from claimed c;
  if v_items <> '[]' then
    perform public.billing_audit_append_v1(p_actor, 'export.proving', p_batch_id, jsonb_build_object(
      'items', jsonb_array_length(v_items), 'runner', p_runner));
  end if;
  return v_shared || jsonb_build_object('items', v_items, 'old', v_old, 'waiting', v_waiting,
    'now_s', extract(epoch from now())::text);
end
$$;

-- The customers and meters of a batch that have anything to verify, each with the span of its events (epoch seconds).
-- With p_again, what was verified before too. Usage records have no totals by the hour and are left out, counted.
create or replace function public.billing_proof_pairs_v1(p_batch_id text, p_again boolean default false)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  with wanted as (
    select i.stripe_customer_id, i.event_name, bool_or(i.replaces) as replaces,
           min(i.event_at) as first_at, max(i.event_at) as last_at, count(*) as items
    from public.billing_export_items i
    where i.batch_id = p_batch_id and i.backend <> 'usage-records'
      and (i.state in ('ambiguous', 'missing') or (i.state = 'accepted' and (p_again or i.verified_at is null)))
    group by 1, 2
  )
  select jsonb_build_object(
    'now_s', extract(epoch from now())::text,
    'pairs', (select coalesce(jsonb_agg(jsonb_build_object(
        'stripe_customer_id', w.stripe_customer_id, 'event_name', w.event_name, 'replaces', w.replaces,
        'first_s', extract(epoch from w.first_at)::bigint, 'last_s', extract(epoch from w.last_at)::bigint,
        'items', w.items) order by w.stripe_customer_id collate "C", w.event_name collate "C"), '[]') from wanted w),
    'usage_records', (select count(*) from public.billing_export_items i
      where i.batch_id = p_batch_id and i.backend = 'usage-records' and i.state = 'accepted'),
    'verified', (select count(*) from public.billing_export_items i
      where i.batch_id = p_batch_id and i.state = 'accepted' and i.verified_at is not null))
$$;

-- The batches of a window that are sent and were not found in Stripe's totals as a whole, oldest first.
create or replace function public.billing_proof_unverified_v1(
  p_account text, p_livemode boolean, p_start timestamptz, p_end timestamptz)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(public.billing_export_batch_summary_v1(b.batch_id) order by b.opened_at), '[]')
  from public.billing_export_batches b
  where b.stripe_account_id = p_account and b.livemode = p_livemode and b.state = 'done' and b.verified_at is null
    and b.window_start = p_start and b.window_end = p_end
    and exists (select from public.billing_export_items i where i.batch_id = b.batch_id and i.state = 'accepted')
$$;

-- Of an earlier version, whose items do not have `whole`.
drop function if exists public.billing_proof_items_v1(text, boolean, jsonb);

-- Everything of this account that Stripe may have counted in some spans of time, whichever batch sent it: p_ranges is
-- [{stripe_customer_id, event_name, start_s, end_s}]. Read it after Stripe's totals, so that nothing that they have
-- is missing here. An item is `whole` if its figure is for all companies and meters of its receiver; older versions
-- sent one for each of them, and recorded no meter_id.
create or replace function public.billing_proof_items_v2(p_account text, p_livemode boolean, p_ranges jsonb)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  select jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
      'item_id', i.item_id, 'batch_id', i.batch_id, 'identifier', i.identifier,
      'company_id', public.billing_item_company_v1(i), 'meter', public.billing_item_meter_v1(i),
      'stripe_customer_id', i.stripe_customer_id, 'event_name', i.event_name,
      'event_s', extract(epoch from i.event_at)::bigint, 'state', i.state, 'replaces', i.replaces,
      'whole', i.meter_id is not null,
      'value', trim_scale(i.sent_value)::text,
      'tried_s', extract(epoch from greatest(i.last_sent_at, i.settled_at, i.first_sent_at, i.cancel_asked_at))::text,
      'cancel_asked', i.cancel_asked_at is not null,
      'verified_s', extract(epoch from i.verified_at)::text) order by i.event_at, i.item_id), '[]'))
  from jsonb_to_recordset(p_ranges) as r(stripe_customer_id text, event_name text, start_s bigint, end_s bigint)
  join public.billing_export_items i
    on i.stripe_account_id = p_account and i.livemode = p_livemode
    and i.stripe_customer_id = r.stripe_customer_id and i.event_name = r.event_name
    and i.event_at >= to_timestamp(r.start_s) and i.event_at < to_timestamp(r.end_s)
  where i.backend <> 'usage-records' and i.state not in ('pending', 'rejected')
$$;

-- Writes down what totals proved of a batch: items found in them (ids), and [{item_id, before, after, reason}] for
-- those whose state changes. An item that is not what it was any more stays as it is; one that Stripe was asked to
-- forget, and does not count, is cancelled rather than free to be sent again. The batch is verified when all
-- that Stripe should count was found.
create or replace function public.billing_proof_apply_v1(
  p_batch_id text, p_actor text, p_found jsonb, p_changes jsonb)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '1min' as $$
declare
  v_found bigint;
  v_changed jsonb;
begin
  perform 1 from public.billing_export_batches where batch_id = p_batch_id for update;
  update public.billing_export_items i
    set state = case when c.after = 'rejected' and i.cancel_asked_at is not null then 'cancelled'
                     else c.after end::public.billing_export_item_state, error = c.reason,
        verified_at = case when c.after = 'accepted' then now() end,
        settled_at = coalesce(i.settled_at, now())
    from jsonb_to_recordset(p_changes) as c(item_id bigint, before text, after text, reason text)
    where i.item_id = c.item_id and i.batch_id = p_batch_id and i.state::text = c.before
      and c.before in ('accepted', 'ambiguous', 'missing') and c.after <> c.before
      and c.after in ('accepted', 'missing', 'rejected', 'cancelled');
  update public.billing_export_items i set verified_at = now()
    where i.batch_id = p_batch_id and i.state = 'accepted'
      and i.item_id in (select f::bigint from jsonb_array_elements_text(p_found) f);
  get diagnostics v_found = row_count;
  select jsonb_object_agg(c.step, c.items) into v_changed from (
    select c.before || ' to ' || c.after as step, count(*) as items
    from jsonb_to_recordset(p_changes) as c(before text, after text) group by 1) c;
  update public.billing_export_batches b
    set verified_at = (
      select case when bool_and(i.state = 'accepted' and i.verified_at is not null) then now() end
      from public.billing_export_items i
      where i.batch_id = p_batch_id and i.state not in ('rejected', 'cancelled'))
    where b.batch_id = p_batch_id;
  perform public.billing_audit_append_v1(p_actor, 'export.verified', p_batch_id,
    jsonb_build_object('found', v_found, 'changed', v_changed));
  return public.billing_export_batch_summary_v1(p_batch_id);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_proof_claim_v1(text, text, text, int, int)',
  'public.billing_proof_pairs_v1(text, boolean)',
  'public.billing_proof_unverified_v1(text, boolean, timestamptz, timestamptz)',
  'public.billing_proof_items_v2(text, boolean, jsonb)',
  'public.billing_proof_apply_v1(text, text, jsonb, jsonb)'
]) as f;
