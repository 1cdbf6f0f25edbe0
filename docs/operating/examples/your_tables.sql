-- Tables of an application as they may be, for usage_view.sql.
create schema app;

create table app.tenants (
  id uuid primary key default gen_random_uuid(),
  title text not null,
  stripe_id text,
  tier text);

create table app.usage_log (
  id uuid primary key default gen_random_uuid(),
  tenant uuid not null references app.tenants,
  kind text not null,
  units double precision not null,
  at timestamptz not null,
  written_at timestamptz not null default now());

create table app.charges (
  stripe_payment text primary key,
  tenant uuid references app.tenants,
  cents bigint not null,
  refunded_cents bigint not null default 0,
  currency char(3) not null,
  state text not null,
  at timestamptz not null);

create table app.bills (
  stripe_invoice text primary key,
  tenant uuid references app.tenants,
  nr text,
  state text not null,
  currency char(3) not null,
  cents bigint not null,
  paid_cents bigint not null default 0,
  at timestamptz not null);
