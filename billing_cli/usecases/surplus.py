"""Before a first export, or after a pause: Stripe must not have more than this database knows of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from heapq import nlargest

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import FoundWrong
from billing_cli.domain.meter import Backend, MeterRoute
from billing_cli.domain.period import Window
from billing_cli.domain.ports import Database, LedgerReader
from billing_cli.domain.proof import Candidate, is_more_than
from billing_cli.domain.quantity import exact_sum, plain
from billing_cli.domain.reconciliation import SummariesWanted
from billing_cli.domain.slot import SECONDS
from billing_cli.domain.usage import UsageFacts, UsageLine
from billing_cli.usecases.slots import sent_items, span

# Shorter pauses are those of a schedule; a copy or an older state of a database has been still for longer.
_PAUSE = timedelta(hours=2)
_SAMPLE = 20


def find_surplus(
    database: Database,
    ledger: LedgerReader,
    identity: StripeIdentity,
    window: Window,
    routes: Sequence[MeterRoute],
    usage: UsageFacts,
) -> FoundWrong | None:
    """An error if Stripe counts more in the window than was ever sent from this database.

    Another copy of the database, or another program, has sent usage then. Reads the totals of the largest lines to
    send, and only if no batch was opened in the last two hours by the database's clock.
    """
    if usage.last_opened_at is not None and usage.now - usage.last_opened_at < _PAUSE:
        return None
    lines = _sample(routes, usage)
    if not lines:
        return None
    wanted = [_span(line, window) for line in lines]
    totals: list[Mapping[str, object]] = []
    ledger.summaries(wanted, totals.extend)
    # After Stripe's totals, so that nothing that they have is missing here.
    sent = _sent(database, identity, wanted)
    for total in totals:
        receiver = str(total["customer_id"]), str(total["event_name"])
        known = exact_sum(value for at_s, value in sent[receiver] if _within(at_s, total, wanted[0].grouping))
        if is_more_than(counted := Decimal(str(total["quantity"])), [Candidate(0, known)]):
            return _surplus(*receiver, plain(counted), plain(known), window)
    return None


def _sent(
    database: Database, identity: StripeIdentity, wanted: Sequence[SummariesWanted]
) -> Mapping[tuple[str, str], list[tuple[int, Decimal]]]:
    """The time and value of all that raised a total, or may have, by customer and event name."""
    found: dict[tuple[str, str], list[tuple[int, Decimal]]] = defaultdict(list)
    for item in sent_items(database, (identity.account_id, identity.livemode), wanted):
        if item.value > 0:
            found[item.stripe_customer_id, item.event_name].append((item.event_s, item.value))
    return found


def _within(at_s: int, total: Mapping[str, object], grouping: str) -> bool:
    start_s = int(str(total["bucket_s"]))
    return start_s <= at_s < start_s + SECONDS[grouping]


def _sample(routes: Sequence[MeterRoute], usage: UsageFacts) -> list[UsageLine]:
    sums = {r.event_name for r in routes if not r.replaces and r.backend is not Backend.USAGE_RECORDS}
    candidates = [line for line in usage.lines if line.to_send and line.event_name in sums]
    return nlargest(_SAMPLE, candidates, key=lambda line: line.to_send)


def _span(line: UsageLine, window: Window) -> SummariesWanted:
    first_s, last_s = int(window.start.timestamp()), int(window.end.timestamp()) - 1
    grouping = "hour" if (window.start.hour or window.end.hour) else "day"
    return span(line.stripe_customer_id, line.event_name, first_s, last_s, grouping)


def _surplus(customer_id: str, event_name: str, counted: str, known: str, window: Window) -> FoundWrong:
    compare = f"billing reconcile usage --start {window.start:%Y-%m-%d} --end {window.last_day}"
    return FoundWrong(
        f"Stripe has {counted} {event_name} of {customer_id} in an hour or day of this window, and this database knows "
        f"of {known} that were sent. Another copy of it, or another program, sends usage.",
        f"Compare: {compare}; then export from the time on that only this database sends.",
    )
