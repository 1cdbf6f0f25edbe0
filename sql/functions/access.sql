-- Who may call what: our functions answer to the owner and to service_role, to nobody else; and in UTC, whatever
-- time zone the database or the session is in.
create or replace function public.billing_restrict_v1(p_function regprocedure) returns void
language plpgsql set search_path = '' as $$
declare
  api_role text;
begin
  execute format('revoke all on function %s from public', p_function);
  for api_role in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on function %s from %I', p_function, api_role);
  end loop;
  if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
    execute format('grant execute on function %s to service_role', p_function);
  end if;
  if exists (select from pg_catalog.pg_proc
             where oid = p_function and prorettype = 'jsonb'::regtype and provolatile <> 'i') then
    execute format('alter function %s set timezone to ''UTC''', p_function);
  end if;
end
$$;

select public.billing_restrict_v1('public.billing_restrict_v1(regprocedure)');
