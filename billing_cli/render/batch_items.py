"""The items of a batch: columns where there is room, else two lines each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from billing_cli.render.columns import Columns
from billing_cli.render.numbers import minute

# In the order in which they are shown.
STATE_STYLES = {
    "pending": "",
    "sending": "yellow",
    "accepted": "green",
    "rejected": "red",
    "ambiguous": "bold red",
    "missing": "bold red",
    "cancelling": "yellow",
    "cancelled": "dim",
}


def render_items(items: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Nothing where there are none."""
    if items:
        yield _items(items)


def _item_lines(item: Mapping[str, Any]) -> Text:
    """An item where columns would break Stripe's request id, which is there to be looked up."""
    state, tries = item["state"], item["attempts"]
    told = [word for word in (f"{tries} {'try' if tries == 1 else 'tries'}", item["request_id"], item["error"]) if word]
    return Text.assemble(
        f"{item['company_id']} {item['meter']} {item['stripe_customer_id']} {_hour(item)} {item['quantity']} ",
        (state, STATE_STYLES[state]),
        (f"\n  {', '.join(told)}", "dim"),
    )


def _items(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Columns(map(_item_lines, items))
    for name in ("company", "meter", "customer", "hour"):
        table.add_column(name)
    table.add_column("quantity", justify="right")
    table.add_column("state")
    table.add_column("tries", justify="right")
    for name in ("request", "error"):
        table.add_column(name)
    for item in items:
        state = item["state"]
        table.add_row(
            item["company_id"],
            item["meter"],
            item["stripe_customer_id"],
            _hour(item),
            item["quantity"],
            Text(state, STATE_STYLES[state]),
            str(item["attempts"]),
            item["request_id"] or "",
            item["error"] or "",
        )
    return table


def _hour(item: Mapping[str, Any]) -> str:
    """The hour of the usage, and where Stripe counts it if that is in another one."""
    used, counted = minute(item["bucket_start"]), minute(item["event_at"])
    return used if used[:13] == counted[:13] else f"{used} → {counted}"
