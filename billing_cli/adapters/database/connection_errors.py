"""Why no connection came about, or a pooler ended it: libpq's and poolers' words as our sentences."""

import re

import psycopg

from billing_cli.adapters.database.errors import domain_error, unreachable, with_words
from billing_cli.domain.errors import BillingError, Misconfigured
from billing_cli.domain.masking import without_secrets

# libpq: of a port or option that it was given.
_INVALID = re.compile(r"invalid (port number|\w+ value)")
_FOREIGN_PARAMETER = re.compile(r'invalid URI query parameter: "(\w+)"')
_SERVERS_WORDS = re.compile(r"(?:FATAL|ERROR):\s+(.*)")
# Postgres, PgBouncer and Supavisor.
_FULL = re.compile(
    r"too many (clients|connections)|connection slots are reserved|MaxClients|EMAXCONN"
    r"|max client(s| connections) reached|no more connections allowed|query_wait_timeout",
    re.IGNORECASE,
)
# What waiting cannot mend: sign, sentence, next step.
_SETTINGS = [
    (
        r"Tenant or user not found|tenant/user .* not found|ENOTFOUND",
        "The pooler knows no such project or user.",
        "Copy SUPABASE_DB_URL from Supabase, under Connect: the user is postgres.PROJECT, the host that of its region.",
    ),
    (
        r"unsupported startup parameter",
        "The pooler refuses a parameter of the connection.",
        "Take it out of SUPABASE_DB_URL and PGOPTIONS, or use session mode (port 5432).",
    ),
    (
        r"server does not support SSL|SSL is not enabled",
        "The server offers no TLS, and without it the password may be read on the way.",
        "Switch TLS on at the server. On a network that you trust: SUPABASE_DB_WITHOUT_TLS=true.",
    ),
    (
        r"ESSLREQUIRED|SSL (connection )?(is )?required|no encryption",
        "The server requires TLS.",
        "Write sslmode=require in SUPABASE_DB_URL, and unset SUPABASE_DB_WITHOUT_TLS.",
    ),
    (
        r"root certificate file .* does not exist",
        "The file of root certificates does not exist.",
        "Correct sslrootcert in SUPABASE_DB_URL, or PGSSLROOTCERT. Supabase has the file under Database, Settings.",
    ),
    (
        r"does not match host name",
        "The server's certificate is for another host.",
        "Correct the host in SUPABASE_DB_URL; if it is right, another server answers in its place.",
    ),
    (
        r"certificate verify failed|self[- ]signed certificate",
        "The server's certificate is not signed by a root certificate that is trusted here.",
        "Correct sslrootcert in SUPABASE_DB_URL; if it is right, another server answers in its place.",
    ),
    (
        r"channel binding",
        "The server offers no channel binding, which SUPABASE_DB_URL or PGCHANNELBINDING requires.",
        "Connect without a pooler, or take channel_binding out.",
    ),
]
_SQLSTATES = [
    (r"password authentication failed", "28P01"),
    (r"no such database", "3D000"),
    (r"no pg_hba.conf entry|role \"|no such user|not allowed to connect", "28000"),
    (r"database .* does not exist", "3D000"),
]


def connection_error(error: psycopg.Error, url: str) -> BillingError:
    """libpq reports refusals of the server without a SQLSTATE."""
    text = str(error)
    if isinstance(error, psycopg.ProgrammingError) or _INVALID.search(text):
        return _unreadable(text)
    for sign, sqlstate in _SQLSTATES:
        if re.search(sign, text) and pooler_error(text) is None:
            return domain_error(sqlstate, "", None)
    return pooler_error(text) or unreachable(url, "SUPABASE_DB_URL", text)


def pooler_error(text: str) -> BillingError | None:
    """None if these words are none that a pooler, or libpq about TLS, is known for."""
    words = _SERVERS_WORDS.search(text)
    said = without_secrets(words[1]) if words else ""
    if _FULL.search(text):
        return domain_error("53300", said, None)
    for sign, sentence, next_step in _SETTINGS:
        if re.search(sign, text):
            return Misconfigured(with_words(sentence, said), next_step)
    return None


def _unreadable(text: str) -> Misconfigured:
    """libpq's own words quote the address; only the name of a parameter is shown."""
    foreign = _FOREIGN_PARAMETER.search(text)
    if foreign:
        return Misconfigured(
            f"SUPABASE_DB_URL cannot be read as an address: {foreign[1]} is a parameter of another client.",
            f"Take {foreign[1]} out of SUPABASE_DB_URL.",
        )
    return Misconfigured(
        "SUPABASE_DB_URL cannot be read as an address.",
        "Copy it again from Supabase, and percent-encode the password.",
    )
