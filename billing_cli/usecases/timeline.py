"""One company's story, read from Postgres page by page."""

from collections.abc import Iterator
from datetime import datetime

from billing_cli.domain.errors import BadInput
from billing_cli.domain.ports import Database
from billing_cli.domain.timeline import Entry, Kind, Story

_PAGE = 5000


def tell(database: Database, company_id: str, since: datetime | None, until: datetime | None) -> Story:
    """Everything in [since, until), or everything at all. Raises BadInput where the company is unknown."""
    if since and until and until <= since:
        raise BadInput("The window ends before it begins.", "Check --since and --until.")
    found = database.call("billing_timeline_company_v1", p_company_id=company_id)
    window = (since.isoformat() if since else None, until.isoformat() if until else None)
    entries = tuple(_entries(database, company_id, *window))
    customers, plans = tuple(found["stripe_customer_ids"]), tuple(found["plan_ids"])
    return Story(company_id, found["listed"], customers, plans, *window, entries)


def _entries(database: Database, company_id: str, since: str | None, until: str | None) -> Iterator[Entry]:
    window = {"p_company_id": company_id, "p_since": since, "p_until": until, "p_limit": _PAGE}
    after: dict[str, object] = {}
    told: set[int] = set()
    while True:
        page = database.call("billing_timeline_v2", **window, **after)
        for entry in map(Entry.from_document, page["entries"]):
            # An item that is sent while this reads has its time from then on, and would come again.
            if entry.kind is not Kind.ITEM or entry.facts["item_id"] not in told:
                yield entry
            if entry.kind is Kind.ITEM:
                told.add(entry.facts["item_id"])
        if page["count"] < _PAGE:
            return
        after = {f"p_after{name}": page["last"][key] for name, key in (("", "at"), ("_rank", "rank"), ("_key", "key"))}
