"""A plan as a file: to be looked at, signed, approved by somebody else, and applied later."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.approval import Signer
from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money
from billing_cli.domain.plan import digest_of

SCHEMA = "billing.plan/v1"
_SHOWN_DIFFERENCES = 20
_MISSING = object()
_DEEPEST = 32
_LARGEST = 2**63 - 1
# NUL, which Postgres keeps in no text, and halves of characters, which UTF-8 has no bytes for.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_FACT = re.compile(r"^actions\[(\d+)\]\.facts\.")
_FIELDS: dict[str, type] = {
    "command": str,
    "request": dict,
    "stripe_account_id": str,
    "livemode": bool,
    "digest": str,
    "changes": dict,
    "made_at": str,
}


@dataclass(frozen=True)
class PlanFile:
    """`request` makes the plan again, `changes` is what the digest covers. `maker` signed the digest."""

    command: str
    request: dict[str, Any]
    stripe_account_id: str
    livemode: bool
    digest: str
    changes: dict[str, Any]
    made_at: str
    maker: Signer | None = None
    signature: str | None = None

    def to_document(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in _FIELDS}
        maker = {**vars(self.maker), "signature": self.signature} if self.maker else None
        return {"schema": SCHEMA, **fields, "maker": maker}


def read_plan_file(text: str) -> PlanFile:
    """Raises BadInput for anything that is no plan, or whose digest does not fit its changes."""
    document = _document(text)
    fields = {name: document.get(name) for name in _FIELDS}
    wrong = [name for name, kind in _FIELDS.items() if type(fields[name]) is not kind]
    maker = document.get("maker")
    if maker is not None and not _is_maker(maker):
        wrong.append("maker")
    if wrong:
        raise _no_plan(f"{', '.join(wrong)} cannot be read")
    file = PlanFile(
        **fields,  # type: ignore[arg-type]
        maker=Signer(maker["name"], maker["key"]) if maker else None,
        signature=maker["signature"] if maker else None,
    )
    identity = StripeIdentity(file.stripe_account_id, file.livemode, file.livemode)
    if digest_of(file.command, identity, file.changes) != file.digest:
        raise BadInput("The plan file was changed by hand: its digest does not fit.", "Make the plan anew.")
    return file


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_float=_refuse_number, parse_constant=_refuse_number)
    except (ValueError, RecursionError):
        raise _no_plan("it is no JSON") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _no_plan(f"its schema is not {SCHEMA}")
    _check_values(document)
    return document


def _refuse_number(digits: str) -> None:
    raise _no_plan(f"it has the number {digits[:20]}, and numbers in plans are whole")


def _check_values(document: object) -> None:
    """Raises BadInput for values that no plan holds, or that Postgres, Stripe or a terminal would not accept."""
    waiting: list[tuple[object, int]] = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _no_plan(f"it is nested more than {_DEEPEST} levels deep")
        if isinstance(value, dict | list):
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            waiting += ((each, depth + 1) for each in inner)
        elif isinstance(value, str) and _UNWRITABLE.search(value):
            raise _no_plan("it has a text with a character that cannot be kept")
        elif isinstance(value, int) and abs(value) > _LARGEST:
            raise _no_plan("it has a number that is too large")


def _is_maker(maker: object) -> bool:
    return isinstance(maker, dict) and all(isinstance(maker.get(name), str) for name in ("name", "key", "signature"))


def _no_plan(why: str) -> BadInput:
    return BadInput(f"This is no plan file: {why}.", "Make one with --plan-out.")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two `changes`, path by path; at most twenty, and how many more.

    A fact of an action goes by its own name, with the payment, invoice or customer where there are several actions.
    """
    found = [_FACT.sub(lambda path: _owner(before, int(path[1])), line) for line in _differences("", before, now)]
    if len(found) > _SHOWN_DIFFERENCES:
        return [*found[:_SHOWN_DIFFERENCES], f"… and {len(found) - _SHOWN_DIFFERENCES} more"]
    return found


def _owner(before: Mapping[str, Any], number: int) -> str:
    actions = before.get("actions")
    if not isinstance(actions, list) or len(actions) < 2:
        return ""
    action = actions[number] if number < len(actions) else None
    return f"{action.get('subject', number + 1) if isinstance(action, dict) else number + 1}: "


def retyped(before: Any, now: Any, path: str = "changes") -> str | None:
    """The path of the first value that is of another type than now, which no change of facts makes of it.

    None, what is missing and what is new are of any type.
    """
    if before is None or now is None:
        return None
    if type(before) is not type(now):
        return path
    pairs: list[tuple[str, Any, Any]] = []
    if isinstance(before, dict):
        pairs = [(f"{path}.{name}", value, now.get(name)) for name, value in before.items()]
    elif isinstance(before, list):
        pairs = [(f"{path}[{number}]", *both) for number, both in enumerate(zip(before, now, strict=False))]
    return next((found for name, old, new in pairs if (found := retyped(old, new, name))), None)


def _differences(path: str, before: Any, now: Any) -> Iterator[str]:
    if _is_money(before) and _is_money(now):
        if before != now:
            yield f"{path}: {Money(**before).text} was planned, {Money(**now).text} is found"
    elif isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in [*before, *(name for name in now if name not in before)]:
            yield from _differences(f"{path}.{name}".strip("."), before.get(name, _MISSING), now.get(name, _MISSING))
    elif isinstance(before, list) and isinstance(now, list):
        for number in range(max(len(before), len(now))):
            old, new = (each[number] if number < len(each) else _MISSING for each in (before, now))
            yield from _differences(f"{path}[{number}]", old, new)
    elif now is _MISSING:
        yield f"{path}: missing now"
    elif before is _MISSING:
        yield f"{path}: new"
    elif type(before) is not type(now) or before != now:
        yield f"{path}: {_shown(before)} was planned, {_shown(now)} is found"


def _is_money(value: Any) -> bool:
    amount = isinstance(value, Mapping) and set(value) == {"amount_minor", "currency"}
    return amount and type(value["amount_minor"]) is int and isinstance(value["currency"], str)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
