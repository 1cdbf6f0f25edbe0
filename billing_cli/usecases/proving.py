"""Claims that are too old to be sent again: Stripe's totals tell whether they were counted."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from billing_cli.domain.batch import BatchSummary, Outcome, SendResult, StopReason
from billing_cli.domain.errors import Unavailable
from billing_cli.domain.ports import Database, LedgerReader
from billing_cli.domain.reconciliation import SummariesWanted
from billing_cli.domain.slot import Slot
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.slots import read_slots, span
from billing_cli.usecases.stopping import stopping

# A few seconds of reading at Stripe's pace, well within a lease.
_AT_ONCE = 100
_MAYBE_SENT = "It may have reached Stripe more than 23 h ago, and "
_UNTOLD = _MAYBE_SENT + "Stripe's total of that hour does not show whether it was counted."
_UNKNOWN = _MAYBE_SENT + "no total shows it: Stripe lacks the customer or meter, or has another meter of that name."


class Observer(Protocol):
    def proving(self, events: int) -> None: ...

    def settled(self, results: list[SendResult]) -> None: ...


@dataclass(frozen=True)
class OldClaims:
    """Settles open claims that Stripe would not deduplicate any more, for the runner of their batch.

    Totals may lag by `lag_s`; nothing is concluded from one read sooner after the last try.
    """

    database: Database
    ledger: Callable[[], LedgerReader]
    lag_s: int
    runner: str
    actor: str
    observer: Observer

    def settle(self, batch: BatchSummary) -> StopReason | None:
        """Counted: accepted. Proved not to be: to be sent, under the identifier it has. Not provable: ambiguous.

        Where totals cannot be read, or may lag, claims stay open, and the reason is returned.
        """
        stop = threading.Event()
        ledger: LedgerReader | None = None
        with stopping(stop.set):
            while not stop.is_set():
                claim = self._call("billing_proof_claim_v1", batch, p_lag_s=self.lag_s, p_limit=_AT_ONCE)
                if not claim["items"]:
                    return StopReason.TOTALS_LAG if claim["waiting"] else None
                if ledger is None:
                    self.observer.proving(claim["old"])
                    ledger = self.ledger()
                try:
                    results = self._prove(batch, claim, ledger)
                except Unavailable:
                    return StopReason.TOTALS_UNREADABLE
                self._call("billing_batch_settle_v1", batch, p_results=[result.document() for result in results])
                self.observer.settled([result for result in results if result.outcome is not Outcome.UNCOUNTED])
        return StopReason.INTERRUPTED

    def _prove(self, batch: BatchSummary, claim: dict[str, Any], ledger: LedgerReader) -> list[SendResult]:
        account = (batch.stripe_account_id, batch.livemode)
        slots = read_slots(self.database, ledger, account, _spans(claim["items"]), float(claim["now_s"]))
        claimed = {item["item_id"] for item in claim["items"]}
        return [result for slot in slots for result in _results(slot, claimed)]

    def _call(self, function: str, batch: BatchSummary, **args: object) -> dict[str, Any]:
        keys = {"p_batch_id": batch.batch_id, "p_runner": self.runner, "p_actor": self.actor}
        return database_call(self.database, function, **keys, **args)


def _spans(items: Sequence[dict[str, Any]]) -> list[SummariesWanted]:
    times: dict[tuple[str, str], list[int]] = {}
    for item in items:
        times.setdefault((item["stripe_customer_id"], item["event_name"]), []).append(item["event_s"])
    # Events that replace others, those of whole days among them, are never proved.
    return [span(*pair, min(found), max(found), "hour") for pair, found in times.items()]


def _results(slot: Slot, claimed: set[int]) -> list[SendResult]:
    mine = [item.item_id for item in slot.items if item.item_id in claimed]
    counted = slot.counted()
    if counted is None:
        why = _UNKNOWN if slot.total is None else _UNTOLD
        return [SendResult(item_id, Outcome.AMBIGUOUS, tries=0, error=why) for item_id in mine]
    return [
        SendResult(item_id, Outcome.ACCEPTED if item_id in counted else Outcome.UNCOUNTED, tries=0) for item_id in mine
    ]
