"""An hour or day of one customer and meter: what Stripe counted there, beside all that we sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_cli.domain.batch import ItemState
from billing_cli.domain.proof import Candidate, counted_as_last, counted_in_sum, is_more_than, is_sum_of
from billing_cli.domain.quantity import exact_sum
from billing_cli.domain.reconciliation import SummariesWanted

SECONDS: Mapping[str, int] = {"hour": 3600, "day": 86400}
# What Stripe took, and what it may have taken.
_TOOK = (ItemState.ACCEPTED, ItemState.MISSING)
_IN_DOUBT = (ItemState.AMBIGUOUS, ItemState.SENDING, ItemState.CANCELLING)


@dataclass(frozen=True)
class SentItem:
    """An item that Stripe may have counted. Instants in epoch seconds, `tried_s` and `verified_s` by the database.

    `value` is the figure in its event; with `replaces` Stripe keeps it in place of those before it. It is the
    customer's total if `whole`, else that of one company and meter. `cancel_asked`: Stripe may have been asked to
    forget it.
    """

    item_id: int
    batch_id: str
    identifier: str
    company_id: str
    meter: str
    stripe_customer_id: str
    event_name: str
    event_s: int
    state: ItemState
    replaces: bool
    value: Decimal
    tried_s: float
    verified_s: float | None
    cancel_asked: bool = False
    whole: bool = True

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "SentItem":
        verified_s = document["verified_s"]
        converted = {
            "state": ItemState(document["state"]),
            "value": Decimal(document["value"]),
            "tried_s": float(document["tried_s"]),
            "verified_s": None if verified_s is None else float(verified_s),
        }
        return cls(**{**document, **converted})


@dataclass(frozen=True)
class Slot:
    """[start_s, start_s + width_s) of a customer and meter; `items` are the oldest first.

    `total` is Stripe's; None where Stripe cannot tell. `certain` are items that its totals had before.
    """

    stripe_customer_id: str
    event_name: str
    start_s: int
    width_s: int
    total: Decimal | None
    items: Sequence[SentItem]
    certain: frozenset[int] = frozenset()

    @property
    def accepted(self) -> list[SentItem]:
        return [item for item in self.items if item.state is ItemState.ACCEPTED]

    @property
    def cancelled(self) -> list[SentItem]:
        return [item for item in self.items if item.state is ItemState.CANCELLED]

    @property
    def ours(self) -> Decimal:
        """What Stripe's total would be if it had all that it took: what is accepted or missing."""
        return exact_sum(self._standing([item for item in self.items if item.state in _TOOK]))

    @property
    def doubtful(self) -> list[SentItem]:
        """What Stripe may have counted besides; of events that replace each other only those behind all it took."""
        took = [number for number, item in enumerate(self.items) if item.state in _TOOK] if self.replaces else []
        return [item for item in self.items[max(took, default=-1) + 1 :] if item.state in _IN_DOUBT]

    @property
    def in_doubt(self) -> Decimal:
        """What those come to."""
        return exact_sum(self._standing(self.doubtful))

    @property
    def differences(self) -> tuple[Decimal, Decimal] | None:
        """Stripe's total less what it should be: least and most, by what of the doubtful it has. None: no total."""
        if self.total is None:
            return None
        values = [item.value for item in self.doubtful]
        if self.replaces:
            should = [self.ours, *(self._sum_with(item) for item in self.doubtful)]
            return exact_sum((self.total, -max(should))), exact_sum((self.total, -min(should)))
        least, most = (
            exact_sum((self.total, -self.ours, *(-value for value in values if (value > 0) is up)))
            for up in (True, False)
        )
        return least, most

    @property
    def replaces(self) -> bool:
        return any(item.replaces for item in self.items)

    @property
    def as_sent(self) -> bool:
        """The total is all that was accepted, and nothing else may be in it but what Stripe was told to forget."""
        known = all(item.state in (ItemState.ACCEPTED, ItemState.CANCELLED) for item in self.items)
        return self.total is not None and known and is_sum_of(self.total, self._standing(self.accepted))

    def counted(self, but: Iterable[int] = ()) -> frozenset[int] | None:
        """The items in Stripe's total, those of `but` left out as certainly not; None where it cannot be told."""
        if self.total is None:
            return None
        prove = counted_as_last if self.replaces else counted_in_sum
        return prove(self.total, self._candidates(but))

    def overwritten(self, counted: frozenset[int]) -> frozenset[int]:
        """The counted items that Stripe's total lost because an event of another company or meter replaced them."""
        items = self._latest([item for item in self.items if item.item_id in counted])
        return frozenset(item.item_id for item in items[:-1]) if self.replaces else frozenset()

    def standing(self, counted: frozenset[int]) -> list[SentItem]:
        """Of the counted items those that no later one replaced."""
        items = [item for item in self.items if item.item_id in counted]
        return items[-1:] if self.replaces else items

    @property
    def has_more(self) -> bool:
        """Whether Stripe counted more than all that may have reached it from here."""
        if self.total is None:
            return False
        if self.replaces:
            largest = max(Decimal(0), self.ours, *(item.value for item in self.items))
            return self.total > largest and not is_sum_of(self.total, [largest])
        return is_more_than(self.total, self._candidates(()))

    def _standing(self, items: Sequence[SentItem]) -> list[Decimal]:
        """The figures of items that no later one of them stands for."""
        return [item.value for item in self._latest(items)]

    def _latest(self, items: Sequence[SentItem]) -> Sequence[SentItem]:
        """Without those that a later one stands for: one of the same company and meter, or a whole total."""
        if not self.replaces:
            return items
        latest: dict[tuple[str, str], SentItem] = {}
        for item in items:
            origin = (item.company_id, item.meter)
            latest = {} if item.whole else {name: one for name, one in latest.items() if name != origin}
            latest[origin] = item
        return list(latest.values())

    def _sum_with(self, doubtful: SentItem) -> Decimal:
        """What the total would be if Stripe had this one too."""
        took = [item for item in self.items if item.state in _TOOK]
        return exact_sum(self._standing([*took, doubtful]))

    def _candidates(self, but: Iterable[int]) -> list[Candidate]:
        left_out = set(but)
        return [
            Candidate(item.item_id, item.value, item.item_id in self.certain)
            for item in self.items
            if item.item_id not in left_out
        ]


def slots_of(
    wanted: Sequence[SummariesWanted],
    unanswered: Iterable[SummariesWanted],
    totals: Iterable[Mapping[str, object]],
    items: Iterable[SentItem],
    began_s: float,
    anew: str | None = None,
) -> list[Slot]:
    """Every slot with an item of ours, in the order of `items`.

    What was verified before `began_s`, when reading totals began, is certain; but not items of the batch `anew`.
    """
    silent = {(each.customer_id, each.event_name) for each in unanswered}
    told = {(row["customer_id"], row["event_name"], row["bucket_s"]): Decimal(str(row["quantity"])) for row in totals}
    spans = {(each.customer_id, each.event_name): each for each in wanted}
    found: dict[tuple[str, str, int], list[SentItem]] = {}
    for item in items:
        pair = (item.stripe_customer_id, item.event_name)
        width_s = SECONDS[spans[pair].grouping]
        found.setdefault((*pair, item.event_s // width_s * width_s), []).append(item)
    return [
        Slot(
            customer_id,
            event_name,
            start_s,
            SECONDS[spans[customer_id, event_name].grouping],
            None if (customer_id, event_name) in silent else told.get((customer_id, event_name, start_s), Decimal(0)),
            sent,
            _certain(sent, began_s, anew),
        )
        for (customer_id, event_name, start_s), sent in found.items()
    ]


def _certain(items: Sequence[SentItem], began_s: float, anew: str | None) -> frozenset[int]:
    accepted = (item for item in items if item.state is ItemState.ACCEPTED and item.batch_id != anew)
    return frozenset(item.item_id for item in accepted if item.verified_s is not None and item.verified_s < began_s)
