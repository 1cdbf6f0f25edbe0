-- Comparisons that are kept: what is open, and what became of it.

-- Open differences of a subject, all of them: {rows, count, saved_s}; `saved_s` (text) is when the last run was saved.
create or replace function public.billing_reconcile_open_v1(p_subject text, p_account text, p_livemode boolean)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  select jsonb_build_object('rows', coalesce(string_agg(json_build_object(
      'key', d.key, 'verdict', d.verdict, 'reason', d.reason, 'unit', d.unit, 'stripe', d.stripe::text,
      'ours', d.here::text, 'company_id', d.company_id, 'at_s', extract(epoch from d.happened_at),
      'first_seen_s', extract(epoch from d.first_seen_at))::text, e'\n'), ''),
    'count', count(*),
    'saved_s', (select extract(epoch from max(r.saved_at))::text from public.billing_reconciliations r
                where r.stripe_account_id = p_account and r.livemode = p_livemode and r.subject = p_subject))
  from public.billing_reconcile_differences d
  where d.stripe_account_id = p_account and d.livemode = p_livemode and d.subject = p_subject and d.gone_id is null
$$;

-- Keeps a run, once by its save_key: {save_key, subject, account, livemode, start, end, source, rows_stripe, rows_here,
-- digest} with its
-- differences [{key, verdict, reason, unit, times, stripe, here, company_id, at_s}]. Those that were open in its
-- window and are not among them are gone. Returns {reconciliation_id, different, appeared, gone}.
create or replace function public.billing_reconcile_save_v1(p_run jsonb, p_differences jsonb, p_actor text)
returns jsonb language plpgsql set search_path = '' set statement_timeout = '1min' as $$
declare
  v_account text := p_run ->> 'account';
  v_livemode boolean := (p_run ->> 'livemode')::boolean;
  v_subject text := p_run ->> 'subject';
  v_start timestamptz := (p_run ->> 'start')::timestamptz;
  v_end timestamptz := (p_run ->> 'end')::timestamptz;
  v_id bigint;
  v_appeared integer;
  v_gone integer;
begin
  -- Two runs of one subject come one after the other.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('billing_reconcile ' || v_account || v_subject, 0));
  if exists (select from public.billing_reconciliations where save_key = p_run ->> 'save_key') then
    return (select jsonb_build_object('reconciliation_id', r.reconciliation_id, 'different', r.different,
                                      'appeared', r.appeared, 'gone', r.gone)
            from public.billing_reconciliations r where r.save_key = p_run ->> 'save_key');
  end if;
  insert into public.billing_reconciliations (save_key, subject, stripe_account_id, livemode, start_at, end_at, source,
    rows_stripe, rows_here, different, appeared, gone, plan_digest, actor)
  values (p_run ->> 'save_key', v_subject, v_account, v_livemode, v_start, v_end, p_run ->> 'source', (p_run ->> 'rows_stripe')::bigint,
    (p_run ->> 'rows_here')::bigint, jsonb_array_length(p_differences), 0, 0, p_run ->> 'digest', p_actor)
  returning reconciliation_id into v_id;

  with known as (
    select count(*) as open from public.billing_reconcile_differences d
    join jsonb_to_recordset(p_differences) as f(key text, verdict text, reason text, unit text)
      on d.key = f.key and d.verdict = f.verdict and d.reason = f.reason and d.unit = f.unit
    where d.stripe_account_id = v_account and d.livemode = v_livemode and d.subject = v_subject and d.gone_id is null)
  select jsonb_array_length(p_differences) - open into v_appeared from known;

  insert into public.billing_reconcile_differences as d (subject, stripe_account_id, livemode, key, verdict, reason, unit,
    times, stripe, here, company_id, happened_at, first_seen_at, last_id)
  select v_subject, v_account, v_livemode, f.key, f.verdict, f.reason, f.unit, f.times, f.stripe, f.here, f.company_id,
    to_timestamp(f.at_s), now(), v_id
  from jsonb_to_recordset(p_differences) as f(key text, verdict text, reason text, unit text, times integer,
    stripe numeric, here numeric, company_id text, at_s double precision)
  on conflict (stripe_account_id, livemode, subject, key, verdict, reason, unit) do update
    set times = excluded.times, stripe = excluded.stripe, here = excluded.here, company_id = excluded.company_id,
      happened_at = excluded.happened_at, last_id = v_id, gone_id = null,
      -- What was gone and is back is new.
      first_seen_at = case when d.gone_id is null then d.first_seen_at else now() end;

  update public.billing_reconcile_differences d set gone_id = v_id
  where d.stripe_account_id = v_account and d.livemode = v_livemode and d.subject = v_subject
    and d.gone_id is null and d.last_id <> v_id
    and coalesce(d.happened_at >= v_start and d.happened_at < v_end, true);
  get diagnostics v_gone = row_count;

  update public.billing_reconciliations set appeared = v_appeared, gone = v_gone where reconciliation_id = v_id;
  perform public.billing_audit_append_v1(p_actor, 'reconcile.saved', v_id::text, p_run || jsonb_build_object(
    'different', jsonb_array_length(p_differences), 'appeared', v_appeared, 'gone', v_gone));
  return jsonb_build_object('reconciliation_id', v_id, 'different', jsonb_array_length(p_differences),
    'appeared', v_appeared, 'gone', v_gone);
end
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_reconcile_open_v1(text, text, boolean)',
  'public.billing_reconcile_save_v1(jsonb, jsonb, text)'
]) as f;
