-- Events: kept once, claimed and settled by handlers, found again.

-- The payload as jsonb; null for text that Postgres cannot hold as jsonb (an escaped NUL).
create or replace function public.billing_webhook_json_v1(p_payload text) returns jsonb
language plpgsql immutable set search_path = '' as $$
begin
  return p_payload::jsonb;
exception when untranslatable_character or invalid_text_representation then
  return null;
end
$$;

create or replace function public.billing_webhook_document_v1(p_event public.billing_webhooks) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'event_id', p_event.event_id, 'event_type', p_event.event_type, 'thin', p_event.thin,
    'livemode', p_event.livemode, 'created_at', p_event.created_at, 'sequence', p_event.sequence,
    'object_id', p_event.object_id, 'company_id', p_event.company_id, 'source', p_event.source,
    'deliveries', p_event.deliveries, 'received_at', p_event.received_at,
    'last_received_at', p_event.last_received_at, 'state', p_event.state, 'attempts', p_event.attempts,
    'claimed_by', p_event.claimed_by, 'settled_at', p_event.settled_at, 'error', p_event.error,
    'effect', p_event.effect,
    -- How long nothing has happened to it that should have; null once it is settled or while a claim holds.
    'waiting_s', case when p_event.state in ('received', 'processing')
                       and coalesce(p_event.claimed_until, '-infinity') <= now()
      then extract(epoch from now() - coalesce(p_event.claimed_until, p_event.received_at))::int end,
    -- The connected account that the event is of; null for the platform's own.
    'stripe_account_id', p_event.stripe_account_id)
$$;

create or replace function public.billing_webhook_lacks_data_v1(p_thin boolean, p_payload text) returns boolean
language sql immutable set search_path = '' as $$
  select p_thin and not coalesce(public.billing_webhook_json_v1(p_payload) ? 'data', true)
$$;

-- Whose event it is: the one company with its customer, else the one company that owns its payment.
create or replace function public.billing_webhook_company_v1(p_customer_id text, p_payment_intent_id text)
returns text language sql stable set search_path = '' as $$
  select coalesce(
    (select min(c.company_id) from public.billing_companies c
     -- The first condition is cheap, and few rows need the second.
     where strpos(c.stripe_customer_id, p_customer_id) > 0
       and public.billing_customer_id_v1(c.stripe_customer_id) = p_customer_id
     having count(distinct c.company_id) = 1),
    (select min(p.company_id) from public.billing_payments p where p.payment_intent_id = p_payment_intent_id
     having count(distinct p.company_id) = 1))
$$;

-- Keeps verified events, in the order given: [{event_id, event_type, thin, livemode, created_at, account_id,
-- api_version, object_id, customer_id, payload}]. Handlers call this too. An event that is there already only
-- counts one delivery more. Returns {"new": [ids], "again": n, "effects": [{event_id, effect}]}.
create or replace function public.billing_webhooks_store_v1(p_events jsonb, p_source text, p_actor text)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_given jsonb;
  v_row public.billing_webhooks;
  v_json jsonb;
  v_new jsonb := jsonb '[]';
  v_effects jsonb := jsonb '[]';
  v_delivered int := case when p_source = 'delivery' then 1 else 0 end;
begin
  for v_given in select e from jsonb_array_elements(p_events) with ordinality as t(e, n) order by n loop
    v_json := public.billing_webhook_json_v1(v_given ->> 'payload');
    insert into public.billing_webhooks (event_id, event_type, thin, livemode, stripe_account_id, api_version, created_at,
      object_id, stripe_customer_id, company_id, payload, source, deliveries)
    values (v_given ->> 'event_id', v_given ->> 'event_type', (v_given ->> 'thin')::boolean,
      (v_given ->> 'livemode')::boolean, v_given ->> 'account_id', v_given ->> 'api_version',
      (v_given ->> 'created_at')::timestamptz, v_given ->> 'object_id', v_given ->> 'customer_id',
      public.billing_webhook_company_v1(v_given ->> 'customer_id', v_json #>> '{data,object,payment_intent}'),
      v_given ->> 'payload', p_source, v_delivered)
    on conflict (event_id) do nothing returning * into v_row;
    if found then
      v_new := v_new || to_jsonb(v_row.event_id);
    else
      update public.billing_webhooks set deliveries = deliveries + v_delivered, last_received_at = now()
        where event_id = v_given ->> 'event_id' and v_delivered > 0;
      -- A thin event is delivered without its data; Stripe's list has it.
      update public.billing_webhooks set payload = v_given ->> 'payload'
        where event_id = v_given ->> 'event_id' and v_json ? 'data' and public.billing_webhook_lacks_data_v1(thin, payload)
        returning * into v_row;
      continue when not found;
    end if;
    v_row.effect := public.billing_webhook_effect_v1(v_row, v_json, p_actor);
    if v_row.effect is not null then
      update public.billing_webhooks set effect = v_row.effect where event_id = v_row.event_id;
      v_effects := v_effects || jsonb_build_object('event_id', v_row.event_id, 'effect', v_row.effect);
    end if;
  end loop;
  perform public.billing_audit_append_v1(p_actor, 'webhooks.stored', coalesce(p_events -> 0 ->> 'event_id', '-'),
    jsonb_build_object('source', p_source, 'new', v_new, 'effects', v_effects,
      'again', jsonb_array_length(p_events) - jsonb_array_length(v_new)));
  return jsonb_build_object('new', v_new, 'effects', v_effects,
    'again', jsonb_array_length(p_events) - jsonb_array_length(v_new));
end
$$;

-- What an event says about our own intents and export items, applied once, when it is first kept.
create or replace function public.billing_webhook_effect_v1(
  p_event public.billing_webhooks, p_json jsonb, p_actor text)
returns text language plpgsql set search_path = '' as $$
begin
  if p_event.event_type in ('refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated') then
    return public.billing_webhook_refund_v1(p_json #> '{data,object}', p_event.livemode, p_actor);
  elsif p_event.event_type in ('v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found') then
    return public.billing_webhook_meter_error_v1(p_json, p_event.event_id, p_event.livemode, p_actor);
  end if;
  return null;
end
$$;

-- Events come in any order: a refund's status moves forward only, from pending to succeeded to failed.
create or replace function public.billing_webhook_refund_v1(p_refund jsonb, p_livemode boolean, p_actor text)
returns text language plpgsql set search_path = '' as $$
declare
  v_intent public.billing_intents;
  v_order text[] := array['pending', 'requires_action', 'succeeded', 'canceled', 'failed'];
  v_status text := p_refund ->> 'status';
begin
  select * into v_intent from public.billing_intents
    where stripe_object_id = p_refund ->> 'id' and kind = 'refund' and state = 'done' and livemode = p_livemode;
  if not found or coalesce(array_position(v_order, v_status), 0)
                  <= coalesce(array_position(v_order, v_intent.stripe_status), 0) then
    return null;
  end if;
  perform public.billing_intent_follow_v1(v_intent.intent_id, v_status, p_refund ->> 'failure_reason', p_actor);
  return format('refund %s of intent %s is %s', p_refund ->> 'id', v_intent.intent_id, v_status);
end
$$;

-- Stripe samples a few identifiers of events that it took and then could not count. Whether it names events or
-- requests is open (domain/meter_error.py), so both are understood. Of a duplicate, one was counted.
create or replace function public.billing_webhook_meter_error_v1(
  p_json jsonb, p_event_id text, p_livemode boolean, p_actor text)
returns text language plpgsql set search_path = '' as $$
declare
  v_items jsonb;
begin
  with samples as (
    select regexp_replace(s #>> '{request,identifier}', '\.\d+\.\d+$', '') as identifier, k ->> 'code' as code, s ->> 'error_message' as message
    from jsonb_array_elements(coalesce(p_json #> '{data,reason,error_types}', '[]')) k,
         jsonb_array_elements(coalesce(k -> 'sample_errors', '[]')) s
    where coalesce(k ->> 'code', '') not like '%duplicate%'
  ),
  rejected as (
    update public.billing_export_items i
      -- What Stripe was asked to forget is not free to be sent again unasked.
      set state = case when i.cancel_asked_at is null then 'rejected' else 'cancelled'
                  end::public.billing_export_item_state,
          error = left(concat_ws(': ', s.code, s.message), 500)
      from samples s
      where i.identifier = s.identifier and i.livemode = p_livemode and i.state in ('accepted', 'ambiguous', 'missing') and i.verified_at is null
      returning i.item_id
  )
  select jsonb_agg(item_id order by item_id) into v_items from rejected;
  if v_items is null then
    return null;
  end if;
  perform public.billing_audit_append_v1(p_actor, 'export.rejected_later', p_event_id,
    jsonb_build_object('items', v_items));
  return format('%s export items are rejected', jsonb_array_length(v_items));
end
$$;

-- Which of these events are kept: {event_id: state}; with p_whole only those that lack nothing of Stripe's list.
create or replace function public.billing_webhooks_known_v1(p_event_ids jsonb, p_whole boolean default false) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(event_id, state), '{}') from public.billing_webhooks
  where event_id in (select jsonb_array_elements_text(p_event_ids))
    and not (p_whole and public.billing_webhook_lacks_data_v1(thin, payload))
$$;

-- Of earlier versions, whose documents have no stripe_account_id.
drop function if exists
  public.billing_webhooks_find_v1(text, text, text, timestamptz, timestamptz, jsonb, boolean, timestamptz, bigint, int),
  public.billing_webhook_show_v1(text);

-- A page of events in Stripe's order; go on with the last one's created_at and sequence.
create or replace function public.billing_webhooks_find_v2(
  p_type text default null, p_company_id text default null, p_state text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_event_ids jsonb default null,
  p_newest_first boolean default false, p_after timestamptz default null, p_after_sequence bigint default 0,
  p_limit int default 500)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(public.billing_webhook_document_v1(w) order by
      case when p_newest_first then w.created_at end desc, case when p_newest_first then w.sequence end desc,
      w.created_at, w.sequence), '[]')
  from (select * from public.billing_webhooks
        where (p_type is null or event_type = p_type or (right(p_type, 2) = '.*'
                and starts_with(event_type, left(p_type, -1))))
          and (p_company_id is null or company_id = p_company_id)
          and (p_state is null or state::text = p_state)
          and (p_since is null or created_at >= p_since) and (p_until is null or created_at < p_until)
          and (p_event_ids is null or event_id in (select jsonb_array_elements_text(p_event_ids)))
          and (p_after is null
            or (not p_newest_first and (created_at, sequence) > (p_after, p_after_sequence))
            or (p_newest_first and (created_at, sequence) < (p_after, p_after_sequence)))
        order by case when p_newest_first then created_at end desc, case when p_newest_first then sequence end desc,
                 created_at, sequence
        limit p_limit) w
$$;

-- One event with its payload and every time it was replayed.
create or replace function public.billing_webhook_show_v2(p_event_id text) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_event public.billing_webhooks;
begin
  select * into v_event from public.billing_webhooks where event_id = p_event_id;
  if not found then
    raise exception 'Event % is not kept here.', p_event_id using errcode = 'BL004',
      hint = 'See: billing webhooks list, or get it with billing webhooks fetch';
  end if;
  return public.billing_webhook_document_v1(v_event) || jsonb_build_object('payload', v_event.payload, 'replays', (
    select coalesce(jsonb_agg(jsonb_build_object('replay_id', i.replay_id, 'target', r.target, 'state', i.state,
      'status_code', i.status_code, 'took_ms', i.took_ms, 'error', i.error, 'settled_at', i.settled_at)
      order by r.opened_at), '[]')
    from public.billing_webhook_replay_items i join public.billing_webhook_replays r using (replay_id)
    where i.event_id = p_event_id));
end
$$;

-- For handlers: takes an event unless it is processed or another worker holds it. `claimed` says whether to go on.
create or replace function public.billing_webhook_claim_v1(
  p_event_id text, p_worker text, p_lease_s int default 300)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_event public.billing_webhooks;
begin
  select * into v_event from public.billing_webhooks where event_id = p_event_id for update;
  if not found then
    raise exception 'Event % is not kept here.', p_event_id using errcode = 'BL004',
      hint = 'Store it first, with billing_webhooks_store_v1.';
  end if;
  if v_event.state = 'processed' or (v_event.state = 'processing' and v_event.claimed_until > now()
                                     and v_event.claimed_by <> p_worker) then
    return public.billing_webhook_document_v1(v_event) || '{"claimed": false}';
  end if;
  update public.billing_webhooks
    set state = 'processing', claimed_by = p_worker, claimed_until = now() + make_interval(secs => p_lease_s),
        attempts = attempts + 1, error = null
    where event_id = p_event_id returning * into v_event;
  return public.billing_webhook_document_v1(v_event) || jsonb_build_object('claimed', true, 'payload', v_event.payload);
end
$$;

-- For handlers: marks a claimed event processed, or failed with the reason. The same again changes nothing.
create or replace function public.billing_webhook_settle_v1(
  p_event_id text, p_worker text, p_outcome text, p_error text default null)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_event public.billing_webhooks;
begin
  if p_outcome is null or p_outcome not in ('processed', 'failed') then
    raise exception 'An event is settled as processed or failed, not as %.', p_outcome using errcode = 'BL004';
  end if;
  select * into v_event from public.billing_webhooks where event_id = p_event_id for update;
  if v_event.state::text = p_outcome and v_event.claimed_by = p_worker then
    return public.billing_webhook_document_v1(v_event);
  end if;
  if v_event.state is distinct from 'processing' or v_event.claimed_by <> p_worker then
    raise exception 'Worker % does not hold event %.', p_worker, p_event_id using errcode = 'BL003',
      hint = 'Claim it first; another worker took it over where the lease ran out.';
  end if;
  update public.billing_webhooks
    set state = p_outcome::public.billing_webhook_state, settled_at = now(), claimed_until = null, error = p_error
    where event_id = p_event_id returning * into v_event;
  perform public.billing_audit_append_v1(p_worker, 'webhook.' || p_outcome, p_event_id,
    jsonb_build_object('type', v_event.event_type, 'attempts', v_event.attempts, 'error', p_error));
  return public.billing_webhook_document_v1(v_event);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_webhook_json_v1(text)',
  'public.billing_webhook_document_v1(public.billing_webhooks)',
  'public.billing_webhook_company_v1(text, text)',
  'public.billing_webhooks_store_v1(jsonb, text, text)',
  'public.billing_webhook_effect_v1(public.billing_webhooks, jsonb, text)',
  'public.billing_webhook_refund_v1(jsonb, boolean, text)',
  'public.billing_webhook_meter_error_v1(jsonb, text, boolean, text)',
  'public.billing_webhook_lacks_data_v1(boolean, text)',
  'public.billing_webhooks_known_v1(jsonb, boolean)',
  'public.billing_webhooks_find_v2(text, text, text, timestamptz, timestamptz, jsonb, boolean, timestamptz, bigint, int)',
  'public.billing_webhook_show_v2(text)',
  'public.billing_webhook_claim_v1(text, text, int)',
  'public.billing_webhook_settle_v1(text, text, text, text)'
]) as f;
