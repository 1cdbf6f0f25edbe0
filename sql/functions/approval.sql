-- Approvals: given by another person than the maker, used once, revoked or run out.

create or replace function public.billing_approval_document_v1(p_approval public.billing_approvals) returns jsonb
language sql stable set search_path = '' as $$
  select to_jsonb(p_approval) || jsonb_build_object('state', case
    when p_approval.used_at is not null then 'used'
    when p_approval.revoked_at is not null then 'revoked'
    when p_approval.expires_at::timestamptz <= now() then 'expired'
    else 'usable' end)
$$;

create or replace function public.billing_now_v1() returns jsonb
language sql stable set search_path = '' as $$ select jsonb_build_object('now', now()) $$;

create or replace function public.billing_approval_add_v1(
  p_approval_id text, p_digest text, p_command text, p_account text, p_livemode boolean,
  p_maker text, p_maker_key text, p_approver text, p_approver_key text,
  p_signature text, p_expires_at text, p_actor text)
returns jsonb language plpgsql set search_path = '' as $$
declare
  v_approval public.billing_approvals;
begin
  if p_maker = p_approver or p_maker_key = p_approver_key then
    raise exception 'Nothing was written: % made this plan, and cannot approve it too.', p_approver
      using errcode = 'BL006', hint = 'Somebody else has to approve it, with a key of their own.';
  end if;
  select * into v_approval from public.billing_approvals
    where approval_id = p_approval_id and digest = p_digest and approver_key = p_approver_key
      and signature = p_signature;
  if found then
    return public.billing_approval_document_v1(v_approval);  -- the same again after a lost reply
  end if;
  if p_expires_at::timestamptz <= now() or p_expires_at::timestamptz > now() + interval '7 days 1 minute' then
    raise exception 'Nothing was written: an approval lasts up to seven days.' using errcode = 'BL006',
      hint = 'Set approval_hours under [limits] in billing.toml.';
  end if;
  -- One that has run out makes room for another.
  update public.billing_approvals set revoked_at = now(), revoked_by = 'expired'
    where digest = p_digest and used_at is null and revoked_at is null and expires_at::timestamptz <= now();
  insert into public.billing_approvals (approval_id, digest, command, stripe_account_id, livemode, maker, maker_key,
    approver, approver_key, signature, expires_at)
  values (p_approval_id, p_digest, p_command, p_account, p_livemode, p_maker, p_maker_key,
    p_approver, p_approver_key, p_signature, p_expires_at)
  on conflict do nothing returning * into v_approval;
  if not found then
    raise exception 'Nothing was written: this plan is approved already.' using errcode = 'BL006',
      hint = 'See: billing approvals list';
  end if;
  perform public.billing_audit_append_v1(p_actor, 'approval.given', p_approval_id, jsonb_build_object(
    'digest', p_digest, 'command', p_command, 'maker', p_maker, 'approver', p_approver, 'expires_at', p_expires_at));
  return public.billing_approval_document_v1(v_approval);
end
$$;

-- The usable approval of a plan, or null.
create or replace function public.billing_approval_find_v1(p_digest text) returns jsonb
language sql stable set search_path = '' as $$
  select public.billing_approval_document_v1(a) from public.billing_approvals a
  where a.digest = p_digest and a.used_at is null and a.revoked_at is null and a.expires_at::timestamptz > now()
$$;

create or replace function public.billing_approval_show_v1(p_approval_id text) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_approval public.billing_approvals;
begin
  select * into v_approval from public.billing_approvals where approval_id = p_approval_id;
  if not found then
    raise exception 'There is no approval %.', p_approval_id using errcode = 'BL004',
      hint = 'See: billing approvals list';
  end if;
  return public.billing_approval_document_v1(v_approval);
end
$$;

create or replace function public.billing_approvals_list_v1(p_limit int default 20) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(public.billing_approval_document_v1(a) order by a.approved_at desc, a.approval_id), '[]')
  from (select * from public.billing_approvals order by approved_at desc, approval_id limit p_limit) a
$$;

create or replace function public.billing_approval_revoke_v1(p_approval_id text, p_actor text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_approval public.billing_approvals;
begin
  update public.billing_approvals set revoked_at = now(), revoked_by = p_actor
    where approval_id = p_approval_id and used_at is null and revoked_at is null returning * into v_approval;
  if not found then
    select * into v_approval from public.billing_approvals
      where approval_id = p_approval_id and used_at is null and revoked_by = p_actor;
    if found then
      return public.billing_approval_document_v1(v_approval);  -- the same again after a lost reply
    end if;
    raise exception 'There is no unused approval %.', p_approval_id using errcode = 'BL004',
      hint = 'See: billing approvals list';
  end if;
  perform public.billing_audit_append_v1(p_actor, 'approval.revoked', p_approval_id,
    jsonb_build_object('digest', v_approval.digest));
  return public.billing_approval_document_v1(v_approval);
end
$$;

-- Uses an approval up, in the transaction that writes down what it approves.
create or replace function public.billing_approval_use_v1(
  p_approval_id text, p_digest text, p_account text, p_livemode boolean, p_used_for text, p_actor text)
returns void language plpgsql set search_path = '' as $$
declare
  v_approval public.billing_approvals;
  v_state text;
begin
  select * into v_approval from public.billing_approvals where approval_id = p_approval_id for update;
  v_state := public.billing_approval_document_v1(v_approval) ->> 'state';
  if v_approval.approval_id is null or v_state <> 'usable' or v_approval.digest <> p_digest
     or v_approval.stripe_account_id <> p_account or v_approval.livemode <> p_livemode then
    raise exception 'Nothing was written: approval % is %.', p_approval_id,
      case when v_approval.approval_id is null then 'unknown' when v_state <> 'usable' then v_state
           else 'for another plan' end
      using errcode = 'BL006', hint = 'Have the plan approved again.';
  end if;
  update public.billing_approvals set used_at = now(), used_for = p_used_for where approval_id = p_approval_id;
  perform public.billing_audit_append_v1(p_actor, 'approval.used', p_approval_id,
    jsonb_build_object('digest', p_digest, 'used_for', p_used_for));
end
$$;

-- Only the using up and the revoking of an approval can be written later, each once.
create or replace function public.billing_approvals_guard_v1() returns trigger
language plpgsql set search_path = '' as $$
begin
  if tg_op <> 'UPDATE' then
    raise exception 'Approvals cannot be deleted.' using errcode = 'BL005', hint = 'Revoke it: billing approvals revoke';
  end if;
  if to_jsonb(old) - '{used_at,used_for,revoked_at,revoked_by}'::text[]
       <> to_jsonb(new) - '{used_at,used_for,revoked_at,revoked_by}'::text[]
     or old.used_at is not null or old.revoked_at is not null then
    raise exception 'Approvals cannot be changed.' using errcode = 'BL005', hint = 'Revoke it, and approve again.';
  end if;
  return new;
end
$$;

create or replace trigger billing_approvals_guard before update or delete on public.billing_approvals
  for each row execute function public.billing_approvals_guard_v1();
create or replace trigger billing_approvals_kept before truncate on public.billing_approvals
  for each statement execute function public.billing_approvals_guard_v1();

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_approval_document_v1(public.billing_approvals)',
  'public.billing_now_v1()',
  'public.billing_approval_add_v1(text, text, text, text, boolean, text, text, text, text, text, text, text)',
  'public.billing_approval_find_v1(text)',
  'public.billing_approval_show_v1(text)',
  'public.billing_approvals_list_v1(int)',
  'public.billing_approval_revoke_v1(text, text)',
  'public.billing_approval_use_v1(text, text, text, boolean, text, text)',
  'public.billing_approvals_guard_v1()'
]) as f;
