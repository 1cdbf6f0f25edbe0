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
  -- One writer at a time: two rows would follow the same one.
  perform pg_advisory_xact_lock(hashtext('billing_audit_log'));
  v_at := clock_timestamp();
  select hash into v_previous_hash from public.billing_audit_log order by audit_id desc limit 1;
  v_previous_hash := coalesce(v_previous_hash, '');
  insert into public.billing_audit_log (at, actor, action, subject, details, previous_hash, hash)
  values (v_at, p_actor, p_action, p_subject, p_details, v_previous_hash,
          public.billing_audit_hash_v1(v_previous_hash, v_at, p_actor, p_action, p_subject, p_details));
end
$$;

-- A row must follow the newest one, whoever writes it and however: a row ahead of the others would end the chain.
create or replace function public.billing_audit_follow_v1() returns trigger
language plpgsql set search_path = '' as $$
declare
  v_newest public.billing_audit_log;
begin
  -- A snapshot from before the lock may lack the newest row.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'The audit log cannot be written in a transaction that is %.',
      upper(current_setting('transaction_isolation')) using errcode = 'BL005',
      hint = 'Call this in a READ COMMITTED transaction.';
  end if;
  perform pg_advisory_xact_lock(hashtext('billing_audit_log'));
  select * into v_newest from public.billing_audit_log order by audit_id desc limit 1;
  if new.audit_id <= coalesce(v_newest.audit_id, 0)
     or new.audit_id > (select coalesce(s.last_value, 0) from pg_catalog.pg_sequences s
                        where s.schemaname = 'public' and s.sequencename = 'billing_audit_log_audit_id_seq')
     or new.previous_hash is distinct from coalesce(v_newest.hash, '')
     or new.hash is distinct from public.billing_audit_hash_v1(
       new.previous_hash, new.at, new.actor, new.action, new.subject, new.details) then
    raise exception 'This row does not follow the newest row of the audit log.' using errcode = 'BL005',
      hint = 'Append with billing_audit_append_v1.';
  end if;
  return new;
end
$$;

create or replace trigger billing_audit_log_follows
  before insert on public.billing_audit_log
  for each row execute function public.billing_audit_follow_v1();

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

-- A page, the newest first; go on with the last one's audit_id. `export.*` means all actions of a kind.
create or replace function public.billing_audit_list_v1(
  p_actor text default null, p_action text default null, p_subject text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_before bigint default null,
  p_limit int default 500)
returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(l) order by l.audit_id desc), '[]')
  from (select * from public.billing_audit_log
        where (p_actor is null or actor = p_actor)
          and (p_action is null or action = p_action
            or (right(p_action, 2) = '.*' and starts_with(action, left(p_action, -1))))
          and (p_subject is null or subject = p_subject)
          and (p_since is null or at >= p_since) and (p_until is null or at < p_until)
          and (p_before is null or audit_id < p_before)
        order by audit_id desc limit p_limit) l
$$;

-- Recomputes a page of the chain that follows the head (p_after, p_hash, p_rows), the oldest row first, and holds
-- it against heads known from elsewhere: p_known is [{audit_id, hash, rows}], all of this page and maybe later ones.
-- Returns {count, head: {audit_id, hash, rows}, fault: {audit_id, problem, entry}}; go on until `count` < p_limit.
-- Rows with the same id, which only their owner can make, are on the same page, and one of them does not follow.
-- Problems: content (not what its hash was made of), link (does not follow the row before it), missing (known, and
-- not here), differs (known with another hash or at another place), renumbered (a number that was never given out).
create or replace function public.billing_audit_verify_v1(
  p_after bigint default null, p_hash text default '', p_rows bigint default 0, p_known jsonb default '[]',
  p_limit int default 2000)
returns jsonb language sql stable set search_path = '' set statement_timeout = '5min' as $$
  with page as materialized (
    select l.*, lag(l.hash, 1, p_hash) over (order by l.audit_id) as hash_before,
           p_rows + row_number() over (order by l.audit_id) as position
    from (select * from public.billing_audit_log where p_after is null or audit_id > p_after
          order by audit_id fetch first p_limit rows with ties) l
  ),
  -- The last page answers for all that is known to come later.
  reached as (select count(*) as rows, case when count(*) >= p_limit then max(audit_id) end as audit_id from page),
  faults as (
    select p.audit_id, case when p.previous_hash is distinct from p.hash_before then 'link' else 'content' end as problem
    from page p
    where p.previous_hash is distinct from p.hash_before or p.hash is distinct from public.billing_audit_hash_v1(
      p.previous_hash, p.at, p.actor, p.action, p.subject, p.details)
    union all
    -- The number is no part of the hash; the sequence knows which it gave out.
    select p.audit_id, 'renumbered' from page p, pg_catalog.pg_sequences s
    where s.schemaname = 'public' and s.sequencename = 'billing_audit_log_audit_id_seq'
      and (p.audit_id < 1 or p.audit_id > s.last_value)
    union all
    select k.audit_id, case when p.audit_id is null then 'missing' else 'differs' end
    from reached r, jsonb_to_recordset(p_known) as k(audit_id bigint, hash text, rows bigint)
         left join page p on p.audit_id = k.audit_id
    where (r.audit_id is null or k.audit_id <= r.audit_id)
      and (p.audit_id is null or p.hash is distinct from k.hash or p.position is distinct from k.rows)
  )
  select jsonb_build_object(
    'count', (select rows from reached),
    'head', (select jsonb_build_object('audit_id', audit_id, 'hash', hash, 'rows', position)
             from page order by audit_id desc limit 1),
    'fault', (select jsonb_build_object('audit_id', f.audit_id, 'problem', f.problem, 'entry', to_jsonb(l))
              from faults f left join public.billing_audit_log l on l.audit_id = f.audit_id
              order by f.audit_id, f.problem limit 1))
$$;

-- A page of the rows that follow the head (p_after, p_hash, p_rows), as JSON lines that are each a head too:
-- {lines, count, continues}; `continues` is false where that head is gone, or the next row does not follow it.
create or replace function public.billing_audit_lines_v1(
  p_after bigint default null, p_hash text default '', p_rows bigint default 0, p_limit int default 2000)
returns jsonb language sql stable set search_path = '' as $$
  with page as materialized (
    select l.*, p_rows + row_number() over (order by l.audit_id) as rows
    from (select * from public.billing_audit_log where p_after is null or audit_id > p_after
          order by audit_id fetch first p_limit rows with ties) l
  )
  select jsonb_build_object(
    'lines', (select coalesce(string_agg((to_jsonb(p) || '{"schema": "billing.audit-entry/v1"}')::text, e'\n'
                                         order by p.audit_id), '') from page p),
    'count', (select count(*) from page),
    'continues',
      (p_after is null or exists (select from public.billing_audit_log where audit_id = p_after and hash = p_hash))
      and coalesce((select previous_hash from page order by audit_id limit 1), p_hash) = p_hash)
$$;

select public.billing_restrict_v1(f::regprocedure) from unnest(array[
  'public.billing_audit_hash_v1(text, timestamptz, text, text, text, jsonb)',
  'public.billing_audit_append_v1(text, text, text, jsonb)',
  'public.billing_audit_follow_v1()',
  'public.billing_audit_refuse_change_v1()',
  'public.billing_audit_list_v1(text, text, text, timestamptz, timestamptz, bigint, int)',
  'public.billing_audit_verify_v1(bigint, text, bigint, jsonb, int)',
  'public.billing_audit_lines_v1(bigint, text, bigint, int)'
]) as f;
