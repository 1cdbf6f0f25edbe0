"""Compares a batch with Stripe's totals: hour by hour, or by the day where a day agrees as a whole."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol

from billing_cli.domain.batch import BatchSummary
from billing_cli.domain.meter_error import named_in
from billing_cli.domain.ports import BillingReader, Database, EventReader, LedgerReader
from billing_cli.domain.reconciliation import SummariesWanted
from billing_cli.domain.slot import SECONDS, Slot
from billing_cli.domain.verification import Rules, Verdict, concerns, judge
from billing_cli.domain.verify_plan import Comparison, Tally, VerifyPlan, plan_verify
from billing_cli.usecases.batches import check_account, show_batch
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.slots import read_slots, span

# Read together: a few seconds at Stripe's pace, and so many items at most.
_PAIRS_AT_ONCE = 100
_ITEMS_AT_ONCE = 5_000
# Hours fit into one page of Stripe's for so long; beyond it days are read first.
_HOURLY_S = 4 * 86_400
_BY_THE_HOUR = (Verdict.LESS, Verdict.UNTOLD, Verdict.MORE)
_PAGE = 100


class ReadObserver(Protocol):
    """Is told how many of Stripe's totals are read, for people to see."""

    def reading(self, totals: int) -> None: ...

    def read(self, totals: int) -> None: ...


@dataclass(frozen=True)
class Verifier:
    """Compares a batch with Stripe's totals. Reads only. Totals may lag by `lag_s` without anything being wrong."""

    database: Database
    ledger: LedgerReader
    events: EventReader
    meters: BillingReader
    lag_s: int
    observer: ReadObserver

    def plan(self, batch_id: str, again: bool = False, resend_missing: bool = False) -> VerifyPlan:
        """What the totals prove of the items that were not verified yet; with `again`, of those too.

        With `resend_missing`, what is missing for long enough is to be sent anew. Raises BadInput for a batch of
        another account or mode, Unavailable where Stripe cannot be read.
        """
        batch = show_batch(self.database, batch_id)
        identity = self.meters.identity()
        check_account(batch, identity)
        facts = database_call(self.database, "billing_proof_pairs_v1", p_batch_id=batch_id, p_again=again)
        rules = Rules(batch_id, float(facts["now_s"]), self.lag_s, {}, resend_missing)
        tally = self._compare(batch, facts["pairs"], rules, again)
        comparison = Comparison(
            tally.slots, tally.found, tally.changes, tally.shown, facts["usage_records"], facts["verified"]
        )
        return plan_verify(batch, identity, comparison, again, resend_missing)

    def _compare(self, batch: BatchSummary, pairs: Sequence[Mapping[str, Any]], rules: Rules, again: bool) -> Tally:
        """Stripe's own errors are read once, and only if anything is amiss."""
        named = cache(lambda: replace(rules, named=self._named(batch)))
        tally = Tally.empty()
        for spans in self._observed(_in_parts(self._spans(pairs))):
            for slot in self._slots(batch, spans, rules, again):
                judged = judge(slot, rules)
                tally.add(judged if judged.verdict is Verdict.FOUND else judge(slot, named()))
        return tally

    def _spans(self, pairs: Sequence[Mapping[str, Any]]) -> list[tuple[SummariesWanted, int]]:
        """Each with the number of its items."""
        windows = {meter.event_name: meter.event_time_window for meter in self.meters.meters()}
        return [(_span(pair, windows.get(pair["event_name"])), pair["items"]) for pair in pairs]

    def _observed(self, parts: Sequence[list[SummariesWanted]]) -> Iterator[list[SummariesWanted]]:
        self.observer.reading(sum(map(_calls, parts)))
        for part in parts:
            yield part
            self.observer.read(_calls(part))

    def _slots(
        self, batch: BatchSummary, spans: Sequence[SummariesWanted], rules: Rules, again: bool
    ) -> Iterator[Slot]:
        """By the hour, or by the day where a day agrees as a whole."""
        days: list[SummariesWanted] = []
        for slot in self._read(batch, spans, rules, again):
            if slot.width_s == SECONDS["day"] and not slot.replaces and judge(slot, rules).verdict in _BY_THE_HOUR:
                end_s = slot.start_s + slot.width_s
                days.append(SummariesWanted(slot.stripe_customer_id, slot.event_name, slot.start_s, end_s, "hour"))
            else:
                yield slot
        for day in days:
            yield from self._read(batch, [day], rules, again)

    def _read(self, batch: BatchSummary, spans: Sequence[SummariesWanted], rules: Rules, again: bool) -> Iterator[Slot]:
        account, anew = (batch.stripe_account_id, batch.livemode), batch.batch_id if again else None
        slots = read_slots(self.database, self.ledger, account, spans, rules.now_s, anew)
        return (slot for slot in slots if concerns(slot, batch.batch_id))

    def _named(self, batch: BatchSummary) -> dict[str, str]:
        """What Stripe says since the batch was opened of events that it could not count."""
        since = datetime.fromisoformat(batch.opened_at)
        errors = self.events.meter_errors(since, datetime.now(UTC) + timedelta(days=1))
        return named_in(json.loads(error.payload) for error in errors)


def _span(pair: Mapping[str, Any], window: str | None) -> SummariesWanted:
    first_s, last_s = pair["first_s"], pair["last_s"]
    long = last_s - first_s > _HOURLY_S and not pair["replaces"]
    grouping = "day" if window == "day" or long else "hour"
    return span(pair["stripe_customer_id"], pair["event_name"], first_s, last_s, grouping)


def _in_parts(spans: Iterable[tuple[SummariesWanted, int]]) -> list[list[SummariesWanted]]:
    parts: list[list[SummariesWanted]] = []
    room = 0
    for wanted, items in spans:
        if not parts or len(parts[-1]) == _PAIRS_AT_ONCE or room < items:
            parts.append([])
            room = _ITEMS_AT_ONCE
        parts[-1].append(wanted)
        room -= items
    return parts


def _calls(spans: Sequence[SummariesWanted]) -> int:
    return sum(-(-(each.end_s - each.start_s) // SECONDS[each.grouping] // _PAGE) for each in spans)
