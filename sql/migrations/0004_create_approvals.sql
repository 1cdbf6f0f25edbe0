-- A second person's approvals: of one plan, by its digest, once, for a limited time.
create table public.billing_approvals (
  approval_id text primary key,
  digest text not null,
  command text not null,
  stripe_account_id text not null,
  livemode boolean not null,
  maker text not null,
  maker_key text not null,         -- fingerprints of the SSH keys used
  approver text not null,
  approver_key text not null,
  signature text not null,         -- of the approver, over these terms; verified by whoever applies the plan
  approved_at timestamptz not null default now(),
  expires_at text not null,        -- as it was signed, to the letter
  used_at timestamptz,
  used_for text,
  revoked_at timestamptz,
  revoked_by text,
  check (maker <> approver),
  check (maker_key <> approver_key)
);

-- One usable approval a plan at most; a used or revoked one may be followed by another.
create unique index billing_approvals_one_usable
  on public.billing_approvals (digest) where used_at is null and revoked_at is null;

alter table public.billing_approvals enable row level security;
revoke all on public.billing_approvals from public;

do $$
declare
  api_role text;
begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on public.billing_approvals from %I', api_role);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update on public.billing_approvals to service_role;
  end if;
end
$$;
