-- The audit log: append-only, each row sealed by a hash over itself and the row before it.
create or replace function public.billing_audit_hash_v1(
  p_previous_hash text, p_at timestamptz, p_actor text, p_action text, p_subject text, p_details jsonb)
returns text language sql immutable set search_path = '' as $$
  select encode(sha256(convert_to(jsonb_build_array(
    p_previous_hash, extract(epoch from p_at)::text, p_actor, p_action, p_subject, p_details)::text, 'UTF8')), 'hex')
$$;

create or replace function public.billing_audit_append_v1(
  p_actor text, p_action text, p_subject text, p_details jsonb)
returns void language plpgsql set search_path = '' as $$
declare
  v_previous_hash text;
  v_at timestamptz;
begin
  -- One writer at a time, or two rows would follow the same one.
  perform pg_advisory_xact_lock(hashtext('billing_audit_log'));
  v_at := clock_timestamp();
  select hash into v_previous_hash from public.billing_audit_log order by audit_id desc limit 1;
  v_previous_hash := coalesce(v_previous_hash, '');
  insert into public.billing_audit_log (at, actor, action, subject, details, previous_hash, hash)
  values (v_at, p_actor, p_action, p_subject, p_details, v_previous_hash,
          public.billing_audit_hash_v1(v_previous_hash, v_at, p_actor, p_action, p_subject, p_details));
end
$$;

create or replace function public.billing_audit_refuse_change_v1() returns trigger
language plpgsql set search_path = '' as $$
begin
  raise exception 'The audit log is append-only.' using errcode = 'BL005',
    hint = 'Write a new row that corrects the old one.';
end
$$;

create or replace trigger billing_audit_log_append_only
  before update or delete or truncate on public.billing_audit_log
  for each statement execute function public.billing_audit_refuse_change_v1();

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_audit_hash_v1(text, timestamptz, text, text, text, jsonb)',
  'public.billing_audit_append_v1(text, text, text, jsonb)',
  'public.billing_audit_refuse_change_v1()'
]) as f;
