"""The roles of a Supabase project, and what it grants by itself."""

ROLES = """
create role anon; create role authenticated; create role service_role bypassrls;
create role authenticator noinherit; grant anon, authenticated, service_role to authenticator;
"""

# As projects were set up before May 2026: their API roles may do anything in public unless told otherwise. Newer
# ones grant nothing.
SUPABASE_DEFAULTS = """
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
"""
