"""Reads what Stripe counted, and then all that it may have: never the other way round."""

from collections.abc import Iterable, Mapping, Sequence

from billing_cli.domain.ports import Database, LedgerReader
from billing_cli.domain.reconciliation import SummariesWanted
from billing_cli.domain.slot import SECONDS, SentItem, Slot, slots_of
from billing_cli.usecases.patience import database_call


def span(customer_id: str, event_name: str, first_s: int, last_s: int, grouping: str) -> SummariesWanted:
    """Whole hours or days around events between two instants."""
    width_s = SECONDS[grouping]
    return SummariesWanted(
        customer_id, event_name, first_s // width_s * width_s, (last_s // width_s + 1) * width_s, grouping
    )


def read_slots(
    database: Database,
    ledger: LedgerReader,
    account: tuple[str, bool],
    wanted: Sequence[SummariesWanted],
    began_s: float,
    anew: str | None = None,
) -> list[Slot]:
    """The slots of some spans, one span a customer and meter. `began_s` is the database's clock from before.

    `account` is the Stripe account and its mode. An event that is sent meanwhile is among the items, whether the
    total has it or not: so it is in doubt. The other way round, a total could have what the items lack.
    """
    totals: list[Mapping[str, object]] = []

    def keep(rows: Iterable[Mapping[str, object]]) -> None:
        totals.extend(rows)

    unanswered = ledger.summaries(wanted, keep)
    return slots_of(wanted, unanswered, totals, sent_items(database, account, wanted), began_s, anew)


def sent_items(database: Database, account: tuple[str, bool], wanted: Sequence[SummariesWanted]) -> list[SentItem]:
    """Everything of the spans that Stripe may have counted. Read it after Stripe's totals."""
    ranges = [
        {
            "stripe_customer_id": each.customer_id,
            "event_name": each.event_name,
            "start_s": each.start_s,
            "end_s": each.end_s,
        }
        for each in wanted
    ]
    found = database_call(
        database, "billing_proof_items_v2", p_account=account[0], p_livemode=account[1], p_ranges=ranges
    )
    return [SentItem.from_document(item) for item in found["items"]]
