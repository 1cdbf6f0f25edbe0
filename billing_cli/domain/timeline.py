"""One company's story: what happened to it, in time order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from billing_cli.domain.masking import masked, masked_person

# Written by operators, handlers and Stripe.
_FREE_TEXT = frozenset(("reason", "error", "effect", "status", "number"))
_PEOPLE = frozenset(("actor", "maker", "approver"))
# Of items that are told as one.
_ALIKE = ("batch_id", "meter", "state", "error", "stripe_customer_id")


class Kind(StrEnum):
    """In the order of things that happened at the same instant."""

    USAGE = "usage"
    APPROVAL = "approval"
    BATCH = "batch"
    ITEM = "item"
    INTENT = "intent"
    ADJUSTMENT = "adjustment"
    PAYMENT = "payment"
    INVOICE = "invoice"
    WEBHOOK = "webhook"


@dataclass(frozen=True)
class Entry:
    """`at` is ISO 8601, or None for rows of the deployment's own relations that have no date."""

    at: str | None
    kind: Kind
    facts: Mapping[str, Any]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Entry":
        """Masked: from here on, nobody can forget to."""
        facts = {name: _shown(name, value) for name, value in document.items() if name not in ("at", "kind")}
        return cls(document["at"], Kind(document["kind"]), facts)


def _shown(name: str, value: object) -> object:
    if isinstance(value, str) and name in _FREE_TEXT:
        return masked(value)
    return masked_person(value) if isinstance(value, str) and name in _PEOPLE else value


@dataclass(frozen=True)
class Story:
    """`listed` is False where billing_companies does not have the company any more."""

    company_id: str
    listed: bool
    stripe_customer_ids: tuple[str, ...]
    plan_ids: tuple[str, ...]
    since: str | None
    until: str | None
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Happening:
    """What is told as one: an entry, or items of one batch, meter, customer and state, sent one after the other."""

    entries: Sequence[Entry]

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def request_ids(self) -> list[str]:
        """Stripe's, each once."""
        found = (entry.facts.get("request_id") for entry in self.entries)
        return list(dict.fromkeys(request_id for request_id in found if request_id))


def happenings(entries: Iterable[Entry]) -> Iterator[Happening]:
    """A month of hours is hundreds of items; nobody reads them one by one."""
    for is_item, group in groupby(entries, key=lambda entry: entry.kind is Kind.ITEM):
        if not is_item:
            yield from (Happening([entry]) for entry in group)
            continue
        together: dict[tuple[object, ...], list[Entry]] = {}
        for entry in group:
            alike = tuple(entry.facts[name] for name in _ALIKE)
            together.setdefault(alike, []).append(entry)
        yield from map(Happening, together.values())
