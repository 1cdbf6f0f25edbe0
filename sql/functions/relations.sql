-- The relations whose names are ours or the deployment's, and their columns. The migrations ask the same query before
-- this function is there, so the file has this one function only.

-- {"billing_…": {kind, columns: {"…": {type, base}}}}: `kind` is pg_class.relkind; `base` is the type without length
-- and precision, and of a domain the type below it.
create or replace function public.billing_doctor_relations_v1() returns jsonb
language sql stable set search_path = '' as $$
  with recursive columns as (
    select c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.atttypid as base
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relname like 'billing\_%' and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select n.relname, n.relkind, n.attname, n.type, t.typbasetype
    from columns n join pg_catalog.pg_type t on t.oid = n.base and t.typtype = 'd'
  )
  select coalesce(jsonb_object_agg(r.relname, r.document), '{}')
  from (
    select n.relname, jsonb_build_object('kind', min(n.relkind::text), 'columns', jsonb_object_agg(
             n.attname, jsonb_build_object('type', n.type, 'base', format_type(n.base, null)))) as document
    from columns n join pg_catalog.pg_type t on t.oid = n.base and t.typtype <> 'd'
    group by 1) r
$$;

select public.billing_restrict_v1('public.billing_doctor_relations_v1()');
