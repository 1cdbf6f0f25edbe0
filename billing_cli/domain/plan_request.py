"""The request in a plan file, by command: which fields it has, and of which type each is.

Anybody can write such a file: only after this check has every value the type that the code expects.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from billing_cli.domain.adjustment import Direction, Instrument
from billing_cli.domain.errors import BadInput
from billing_cli.domain.meter import Backend
from billing_cli.domain.money import is_plain_number
from billing_cli.domain.refund import RefundReason, Via

Check = Callable[[Any], bool]
Fields = Mapping[str, Check]


def check_request(command: str, request: Mapping[str, Any]) -> None:
    """Raises BadInput for a field that is missing, unknown or of the wrong type. `command` is one of REQUESTS."""
    given = {name: check for name, check in OPTIONAL.get(command, {}).items() if name in request}
    if wrong := _wrong({**REQUESTS[command], **given}, request):
        raise BadInput(f"The request in the plan file is not understood: {wrong}.", "Make the plan anew.")


def _wrong(fields: Fields, request: Mapping[str, Any]) -> str | None:
    """What is wrong with the first field that is."""
    for name in (*fields, *request):
        if name not in fields:
            return "it has a field that this command does not have"
        if name not in request:
            return f"{name} is missing"
        if not fields[name](request[name]):
            return f"{name} has another type or value than a plan has"
    return None


def _text(value: Any) -> bool:
    return type(value) is str and bool(value.strip())


def _flag(value: Any) -> bool:
    return type(value) is bool


def _number(value: Any) -> bool:
    return type(value) is int and value > 0


def _amount(value: Any) -> bool:
    return type(value) is str and is_plain_number(value)


def _any_text(value: Any) -> bool:
    return type(value) is str


def _texts(value: Any) -> bool:
    return type(value) is list and all(map(_any_text, value))


def _one_of(kind: type[StrEnum], *without: StrEnum) -> Check:
    allowed = {member.value for member in kind if member not in without}
    return lambda value: type(value) is str and value in allowed


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _lines(value: Any) -> bool:
    """A payment stands on one line only, as in a file of refunds."""
    whole = type(value) is list and bool(value) and all(map(_line, value))
    return whole and len({line["payment_intent_id"] for line in value}) == len(value)


def _grant(value: Any) -> bool:
    return type(value) is dict and not _wrong(_GRANT, value)


def _line(value: Any) -> bool:
    """A line leaves out what it does not have."""
    return (
        type(value) is dict
        and {"payment_intent_id", "reason"} <= set(value)
        and not _wrong({name: _LINE[name] for name in _LINE if name in value}, value)
    )


_LINE: Fields = {
    "payment_intent_id": _text,
    "reason": _one_of(RefundReason),
    "company_id": _text,
    "amount": _amount,
    "amount_minor": _number,
    "note": _any_text,
    "line_number": _number,
}
_GRANT: Fields = {"expires_at": _maybe(_text), "prices": _texts}
_INVOICE: Fields = {"company_id": _text, "invoice_id": _text, "reason": _text}
REQUESTS: Mapping[str, Fields] = {
    "export": {
        "start": _text,
        "end": _text,
        "company": _maybe(_text),
        "meter": _maybe(_text),
        "allow_corrections": _flag,
        "resend_rolled_back": _flag,
        "backend": _maybe(_one_of(Backend, Backend.USAGE_RECORDS)),
    },
    "batches resume": {"batch": _text},
    "batches rollback": {"batch": _text},
    "batches verify": {"batch": _text, "again": _flag, "resend_missing": _flag},
    "refund": {"lines": _lines, "via": _one_of(Via)},
    "refund --status": {"company_id": _text, "payment_id": _text},
    "adjust": {
        "company_id": _text,
        "direction": _one_of(Direction),
        "amount_minor": _number,
        "currency": _text,
        "reason": _text,
        "instrument": _maybe(_one_of(Instrument)),
        "invoice_id": _maybe(_text),
    },
    "invoices mark-paid": _INVOICE,
    "invoices void": _INVOICE,
    "invoices mark-uncollectible": _INVOICE,
    "intents resume": {"intent": _text},
    "intents resume --all": {},
    "webhooks fetch": {"since": _text, "until": _text, "types": _texts, "undelivered": _flag},
}
# What is left out where it was not given.
OPTIONAL: Mapping[str, Fields] = {"adjust": {"grant": _grant}}
