"""What an answer to a write proves: one decision for every sender.

An answer counts only if it is Stripe's and about what was asked for. Between us and Stripe stand gateways that answer
for it, repeat requests, or send them elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

# Stripe, or what stands before it, may carry such a request out all the same, or will if it comes again.
_NOT_FINAL = frozenset({408, 409, 425, 429})
_UNREADABLE = object()


class Proof(StrEnum):
    """What one answer proves about its request."""

    DONE = "done"
    REFUSED = "refused"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came: `status` is None if none came, and `problem` then says why.

    `document` is the decoded JSON body, None if it has none. `limited_by` is Stripe-Rate-Limited-Reason.
    `replayed`: Stripe repeats the answer that it keeps under the idempotency key.
    """

    status: int | None
    document: Any = None
    request_id: str | None = None
    limited_by: str | None = None
    replayed: bool = False
    problem: str = ""

    @property
    def error(self) -> Mapping[str, Any]:
        """Stripe's error object; empty if the body has none."""
        error = self.document.get("error") if isinstance(self.document, Mapping) else None
        return error if isinstance(error, Mapping) else {}

    @property
    def is_stripes_error(self) -> bool:
        """An error object of Stripe's shape, with one of its request ids."""
        named = isinstance(self.error.get("type"), str) or isinstance(self.error.get("code"), str)
        return named and (self.request_id or "").startswith("req_")


@dataclass(frozen=True, slots=True)
class Expected:
    """The object that a success has to be. `fields` are paths and values; an expanded object stands for its id.

    `kind` is None for requests that Stripe answers with an empty object: then its request id has to be there.
    """

    kind: str | None
    fields: Mapping[tuple[str, ...], object] = field(default_factory=dict)

    def difference(self, answer: Answer) -> str | None:
        """The first thing about a 2xx that does not agree, for the operator; None if all does."""
        document = answer.document
        if not isinstance(document, Mapping):
            return "the body is no JSON object"
        if self.kind is None:
            if not (answer.request_id or "").startswith("req_"):
                return "it has no request id of Stripe's"
            return "it is an object" if "object" in document or "error" in document else None
        if document.get("object") != self.kind:
            return f"its object is not {self.kind}"
        for path, value in self.fields.items():
            if not _agree(_found(document, path), value):
                return f"{'.'.join(path)} is not {value}"
        return None


def proof_of(answer: Answer, expected: Expected) -> Proof:
    """Done: the object that was asked for, agreeing with it. Refused: Stripe's own error. Anything else: nothing."""
    if answer.status is None:
        return Proof.NOTHING
    if 200 <= answer.status < 300:
        return Proof.NOTHING if expected.difference(answer) else Proof.DONE
    if 400 <= answer.status < 500 and answer.status not in _NOT_FINAL and answer.is_stripes_error:
        return Proof.REFUSED
    return Proof.NOTHING


def _found(document: Mapping[str, Any], path: tuple[str, ...]) -> object:
    found: Any = document
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return _UNREADABLE
        found = found[name]
    return found.get("id") if isinstance(found, Mapping) else found


def _agree(found: object, value: object) -> bool:
    """Amounts of usage by their value, since Stripe may write digits otherwise; all else exactly."""
    if not isinstance(value, Decimal):
        return found == value and type(found) is type(value)
    try:
        return isinstance(found, str | int) and Decimal(found) == value
    except InvalidOperation:
        return False
