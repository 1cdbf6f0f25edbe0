"""Postgres' SQLSTATEs as our sentences, the same for both transports."""

import re

from billing_cli.domain import errors
from billing_cli.domain.masking import without_secrets
from billing_cli.domain.money import Money
from billing_cli.domain.reach import host_and_port, not_reached

_OURS: dict[str, type[errors.BillingError]] = {
    "BL001": errors.PlanChanged,
    "BL002": errors.LockHeld,
    "BL003": errors.LeaseLost,
    "BL004": errors.BadInput,
    "BL005": errors.Misconfigured,
    "BL006": errors.Refused,
}
# An amount in a sentence of a function of ours, in minor units.
_AMOUNT = re.compile(r"\{(\d+) ([a-z]{3})\}")
# PostgREST knows no such function.
NO_SUCH_FUNCTION = "PGRST202"
# Raised inside a function of ours: operators, columns, relations or types are not there as it needs them,
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_DOES_NOT_FIT = {"42883", "42P01", "42703", "42804", "42846", "42725", "42P13", "42P18", "22P02"}
_PASSING_STATES = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}
_NOT_LET_IN = (
    errors.Misconfigured,
    "The database does not let this key or user in.",
    "Use the secret (service_role) key, or the owner's URL.",
)
_NOT_REACHED_BY_REST = (
    errors.Unavailable,
    "The database cannot be reached by Supabase's API.",
    "Run this again in a minute.",
)
# Kind, sentence and next step; the server's own words follow the sentence. SQLSTATEs of
# https://www.postgresql.org/docs/current/errcodes-appendix.html, the others of
# https://docs.postgrest.org/en/stable/references/errors.html
_KNOWN: dict[str, tuple[type[errors.BillingError], str, str]] = {
    "28P01": (
        errors.Misconfigured,
        "The database does not accept this user's password.",
        "Correct it in SUPABASE_DB_URL, percent-encoded.",
    ),
    "3D000": (errors.Misconfigured, "The database in SUPABASE_DB_URL does not exist.", "Check its name."),
    **dict.fromkeys(("42501", "28000", "PGRST301", "PGRST302", "PGRST303"), _NOT_LET_IN),
    **dict.fromkeys(("PGRST000", "PGRST001", "PGRST002", "PGRST003"), _NOT_REACHED_BY_REST),
    "PGRST106": (
        errors.Misconfigured,
        "Supabase's API does not expose the schema public.",
        "Add public to the exposed schemas: Project Settings, Data API.",
    ),
    "57014": (
        errors.Unavailable,
        "The database took too long and stopped the query.",
        "Try a shorter window, or run this again.",
    ),
    "25006": (
        errors.Unavailable,
        "The database is read-only.",
        "To see whether it is a standby or has switched to read-only: billing doctor",
    ),
    "53100": (
        errors.Unavailable,
        "The database's disk is full.",
        "Make room on the database's disk, then run this again.",
    ),
    "53200": (errors.Unavailable, "The database is out of memory.", "Run this again, or try a shorter window."),
    "53300": (
        errors.Unavailable,
        "The database has no free connection.",
        "Wait, or close connections that nobody needs; then run this again.",
    ),
}


def domain_error(sqlstate: str | None, message: str, hint: str | None) -> errors.BillingError:
    """The error an operator should read for one that Postgres or PostgREST reported."""
    code, message = sqlstate or "", without_secrets(message)
    if code in _OURS:
        return _OURS[code](_AMOUNT.sub(_in_major_units, message), hint or "")
    if code in _DOES_NOT_FIT:
        return errors.DoesNotFit(
            f"A function of billing does not fit this database ({code}): {message}",
            "To see which column or file is at fault: billing doctor",
        )
    if code == NO_SUCH_FUNCTION:
        return errors.NotMigrated(
            "The database does not have this version's billing functions.",
            "Run: billing db migrate --confirm. Supabase's API finds new functions after a moment.",
        )
    if code in _KNOWN:
        kind, sentence, next_step = _KNOWN[code]
        return kind(with_words(sentence, message), next_step)
    if code.startswith("53"):
        return errors.Unavailable(f"The database ran out of a resource: {message}", "Run this again later.")
    if code in _PASSING_STATES or code.startswith("08"):
        return unreachable()
    return errors.Fault(f"The database refused ({code or 'no code'}): {message}")


def with_words(happened: str, message: str) -> str:
    """Both sentences in one, with the server's own words at the end, as far as there are any."""
    return f"{happened.rstrip('.')}: {message.rstrip('.')}." if message else happened


def _in_major_units(amount: re.Match[str]) -> str:
    return Money(int(amount[1]), amount[2]).text


def unreachable(address: str = "", variable: str = "", said: str = "") -> errors.Unavailable:
    """`address` is in `variable`; `said` are a library's words, of which only the cause is told."""
    return errors.Unavailable(
        not_reached("The database", host_and_port(address), said),
        f"Check {variable or 'SUPABASE_URL or SUPABASE_DB_URL'} and the network, then run this again.",
    )
