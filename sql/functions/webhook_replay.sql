-- Replays: which events are sent again to one place, and what came of each.

-- How long a silent runner keeps its replay.
create or replace function public.billing_replay_lease_v1() returns interval
language sql immutable as $$ select interval '60 seconds' $$;

create or replace function public.billing_webhook_replay_document_v1(p_replay_id text) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('replay_id', r.replay_id, 'target', r.target, 'livemode', r.livemode, 'actor', r.actor,
    'opened_at', r.opened_at, 'finished_at', r.finished_at, 'runner', r.runner, 'pending', c.pending,
    'delivered', c.delivered, 'failed', c.failed)
  from public.billing_webhook_replays r
  cross join lateral (
    select count(*) filter (where state = 'pending') as pending,
           count(*) filter (where state = 'delivered') as delivered,
           count(*) filter (where state = 'failed') as failed
    from public.billing_webhook_replay_items i where i.replay_id = r.replay_id) c
  where r.replay_id = p_replay_id
$$;

-- Writes a plan down: all events, in the order given, or none.
create or replace function public.billing_webhook_replay_open_v1(
  p_replay_id text, p_target text, p_livemode boolean, p_digest text, p_actor text, p_event_ids jsonb)
returns jsonb language plpgsql set search_path = '' as $$
begin
  insert into public.billing_webhook_replays (replay_id, target, livemode, plan_digest, actor)
    values (p_replay_id, p_target, p_livemode, p_digest, p_actor) on conflict do nothing;
  if found then
    insert into public.billing_webhook_replay_items (replay_id, position, event_id)
      select p_replay_id, n, e from jsonb_array_elements_text(p_event_ids) with ordinality as t(e, n);
    perform public.billing_audit_append_v1(p_actor, 'webhooks.replay_opened', p_replay_id, jsonb_build_object(
      'target', p_target, 'events', jsonb_array_length(p_event_ids), 'digest', p_digest));
  end if;
  return public.billing_webhook_replay_document_v1(p_replay_id);
end
$$;

create or replace function public.billing_webhook_replay_show_v1(p_replay_id text) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_replay jsonb := public.billing_webhook_replay_document_v1(p_replay_id);
begin
  if v_replay is null then
    raise exception 'There is no replay %.', p_replay_id using errcode = 'BL004', hint = 'Look at its id again.';
  end if;
  return v_replay;
end
$$;

-- Becomes the runner unless another one is at it. Answers the `permit_s` that the caller may send for.
create or replace function public.billing_webhook_replay_acquire_v1(
  p_replay_id text, p_runner text, p_dead_runner text default null)
returns jsonb language plpgsql set search_path = '' as $$
begin
  update public.billing_webhook_replays
    set runner = p_runner, runner_expires_at = now() + public.billing_replay_lease_v1()
    where replay_id = p_replay_id
      and (runner is null or runner in (p_runner, p_dead_runner) or runner_expires_at <= now());
  return public.billing_webhook_replay_show_v1(p_replay_id) || jsonb_build_object('acquired', found,
    'permit_s', public.billing_permit_s_v1(public.billing_replay_lease_v1()));
end
$$;

-- A page of what is to be sent, in order, with the payloads; failed ones again when a replay is taken up anew.
create or replace function public.billing_webhook_replay_items_v1(
  p_replay_id text, p_after int default 0, p_limit int default 200)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('position', i.position, 'event_id', w.event_id,
    'event_type', w.event_type, 'object_id', w.object_id, 'payload', w.payload) order by i.position), '[]')
  from (select * from public.billing_webhook_replay_items
        where replay_id = p_replay_id and position > p_after and state <> 'delivered'
        order by position limit p_limit) i
  join public.billing_webhooks w using (event_id)
$$;

-- Records deliveries: [{position, state, status_code, took_ms, error}]; renews the lease and the permit, or ends the
-- run. A lease that ran out is not renewed, but the last results of its run are recorded if no other run has come.
create or replace function public.billing_webhook_replay_settle_v1(
  p_replay_id text, p_runner text, p_actor text, p_results jsonb, p_finish boolean default false)
returns jsonb language plpgsql set search_path = '' as $$
begin
  update public.billing_webhook_replays
    set runner = case when p_finish then null else p_runner end,
        runner_expires_at = case when p_finish then null else now() + public.billing_replay_lease_v1() end,
        finished_at = case when p_finish then now() end
    where replay_id = p_replay_id
      and ((runner = p_runner and (p_finish or runner_expires_at > now())) or (p_finish and runner is null));
  if not found then
    raise exception 'This run lost replay %: it was silent for longer than its lease.', p_replay_id
      using errcode = 'BL003',
      hint = 'Wait for it; events are delivered at least once.';
  end if;
  update public.billing_webhook_replay_items i
    set state = r.state::public.billing_webhook_replay_state, attempts = i.attempts + 1,
        status_code = r.status_code, took_ms = r.took_ms, error = r.error, settled_at = now()
    from jsonb_to_recordset(p_results) as r(position int, state text, status_code int, took_ms int, error text)
    where i.replay_id = p_replay_id and i.position = r.position;
  if jsonb_array_length(p_results) > 0 or p_finish then
    perform public.billing_audit_append_v1(p_actor, 'webhooks.replayed', p_replay_id, jsonb_build_object(
      'delivered', (select count(*) from jsonb_array_elements(p_results) r where r ->> 'state' = 'delivered'),
      'failed', (select count(*) from jsonb_array_elements(p_results) r where r ->> 'state' = 'failed'),
      'finished', p_finish));
  end if;
  return public.billing_webhook_replay_document_v1(p_replay_id) || jsonb_build_object(
    'permit_s', case when p_finish then 0 else public.billing_permit_s_v1(public.billing_replay_lease_v1()) end);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_replay_lease_v1()',
  'public.billing_webhook_replay_document_v1(text)',
  'public.billing_webhook_replay_open_v1(text, text, boolean, text, text, jsonb)',
  'public.billing_webhook_replay_show_v1(text)',
  'public.billing_webhook_replay_acquire_v1(text, text, text)',
  'public.billing_webhook_replay_items_v1(text, int, int)',
  'public.billing_webhook_replay_settle_v1(text, text, text, jsonb, boolean)'
]) as f;
