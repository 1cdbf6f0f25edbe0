"""One company's story as lines and as a JSON document."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from billing_cli.domain.money import Money
from billing_cli.domain.timeline import Entry, Happening, Kind, Story, happenings
from billing_cli.render.columns import Columns
from billing_cli.render.money import shown
from billing_cli.render.numbers import grouped, minute

# Words for states, of ours and of Stripe's, that somebody should look at or wait for.
_WRONG = frozenset(("rejected", "ambiguous", "missing", "refused", "lapsed", "failed", "void", "uncollectible"))
_WAITING = frozenset(("open", "pending", "sending", "cancelling", "rolling_back", "received", "processing", "draft"))


@dataclass(frozen=True)
class Told:
    """A happening in words: what it was, its state, the rest, and Stripe's request ids."""

    at: str
    what: str
    state: str
    says: tuple[str, ...]
    request_ids: tuple[str, ...]

    @property
    def style(self) -> str:
        words = set(re.findall(r"\w+", self.state))
        return "red" if _WRONG & words else "yellow" if _WAITING & words else "green"

    @property
    def request(self) -> str:
        """The first request id, and how many more there are."""
        more = len(self.request_ids) - 1
        return "".join(self.request_ids[:1]) + (f" and {more:,} more" if more > 0 else "")


def told(happening: Happening) -> Told:
    entry = happening.first
    what, state, says = _WORDS[entry.kind](happening)
    # Usage is a day's; everything else has its second.
    at = "no date" if entry.at is None else f"{entry.at[:10]} {entry.at[11:19]}Z"
    at = at[:10] if entry.kind is Kind.USAGE else at
    return Told(at, what, state, tuple(word for word in says if word), tuple(happening.request_ids))


_Words = tuple[str, str, list[str]]


def _usage(happening: Happening) -> _Words:
    facts = happening.first.facts
    rows = facts["usage_rows"]
    return f"usage {facts['meter'] or '-'}", "", [f"{_quantity(facts['quantity'])} in {rows:,} row{'s' * (rows != 1)}"]


def _approval(happening: Happening) -> _Words:
    facts = happening.first.facts
    used = f"used for {facts['used_for']} at {minute(facts['used_at'])}" if facts["used_at"] else ""
    return (
        f"approval of a {facts['command']}",
        "",
        [f"{facts['approver']} approved what {facts['maker']} planned", used, facts["approval_id"]],
    )


def _batch(happening: Happening) -> _Words:
    facts = happening.first.facts
    state = f"{facts['state']}, verified" if facts["verified_at"] else facts["state"]
    window = f"usage of {minute(facts['window_start'])} up to {minute(facts['window_end'])}"
    return (
        f"export by {facts['actor']}",
        state,
        [facts["batch_id"], window, f"{facts['items']:,} events of this company"],
    )


def _items(happening: Happening) -> _Words:
    facts, entries = happening.first.facts, happening.entries
    hours = sorted(minute(entry.facts["bucket_start"]) for entry in entries)
    span = hours[0] if hours[0] == hours[-1] else f"{hours[0]} to {hours[-1]}"
    total = sum(Decimal(entry.facts["quantity"]) for entry in entries)
    what = f"{len(entries):,} event{'s' * (len(entries) != 1)} {facts['meter']}"
    amount = f"{grouped(Decimal(total))} for {facts['stripe_customer_id']}"
    return what, facts["state"], [amount, f"hours {span}", facts["batch_id"], facts["error"]]


def _intent(happening: Happening) -> _Words:
    facts = happening.first.facts
    state = facts["state"]
    if facts["stripe_status"]:
        state += f" ({facts['stripe_status']} at Stripe)"
    at = f"settled {minute(facts['settled_at'])}" if facts["settled_at"] else ""
    names = [facts["subject"], facts["stripe_object_id"], facts["intent_id"]]
    says = [_money(facts, "amount_minor"), f"by {facts['actor']}: {facts['reason']}", *names, at, facts["error"]]
    return facts["what"].replace("_", " "), state, says


def _adjustment(happening: Happening) -> _Words:
    facts = happening.first.facts
    to = "charged" if facts["amount_minor"] > 0 else "in its favour"
    amount = shown(Money(abs(facts["amount_minor"]), facts["currency"]))
    says = [f"{amount} {to}", facts["reason"], facts["intent_id"]]
    return f"booked: {facts['what'].replace('_', ' ')}", "", says


def _payment(happening: Happening) -> _Words:
    facts = happening.first.facts
    refunded = f"{_money(facts, 'refunded_minor')} refunded" if facts["refunded_minor"] else ""
    return "payment", facts["status"] or "", [_money(facts, "amount_minor"), refunded, facts["payment_intent_id"] or ""]


def _invoice(happening: Happening) -> _Words:
    facts = happening.first.facts
    paid = f"{_money(facts, 'amount_paid_minor')} paid" if facts["amount_paid_minor"] else ""
    name = f"invoice {facts['number'] or ''}".strip()
    return name, facts["status"] or "", [_money(facts, "total_minor"), paid, facts["invoice_id"] or ""]


def _webhook(happening: Happening) -> _Words:
    facts = happening.first.facts
    about = [facts["object_id"], facts["object_status"], _money(facts, "amount_minor")]
    return f"event {facts['event_type']}", facts["state"], [*about, facts["event_id"], facts["effect"], facts["error"]]


_WORDS: dict[Kind, Callable[[Happening], _Words]] = {
    Kind.USAGE: _usage,
    Kind.APPROVAL: _approval,
    Kind.BATCH: _batch,
    Kind.ITEM: _items,
    Kind.INTENT: _intent,
    Kind.ADJUSTMENT: _adjustment,
    Kind.PAYMENT: _payment,
    Kind.INVOICE: _invoice,
    Kind.WEBHOOK: _webhook,
}


def _money(facts: Mapping[str, Any], name: str) -> str:
    """Also where a view has no amount, or no currency."""
    amount, currency = facts[name], facts["currency"]
    if amount is None:
        return ""
    return shown(Money(int(amount), currency)) if currency else str(amount)


def _quantity(text: str | None) -> str:
    """Also for what Postgres knows beside numbers."""
    value = Decimal(text or 0)
    return grouped(value) if value.is_finite() else str(text)


@dataclass(frozen=True)
class StoryView:
    """A row for each happening; below each other where the terminal is narrow."""

    story: Story

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text.assemble(("Company ", "dim"), (self.story.company_id, "bold"), f"  {facts_of(self.story)}")
        lines = [told(each) for each in happenings(self.story.entries)]
        if not lines:
            yield Text("Nothing happened.")
        else:
            yield _table(lines)


def _narrow(each: Told) -> Iterator[RenderableType]:
    yield Text.assemble((each.at, "dim"), "  ", (each.what, "bold"))
    said = [Text(part, overflow="fold") for part in (*each.says, each.request) if part]
    state = [Text(each.state, each.style)] if each.state else []
    yield Padding(Group(*state, *said), (0, 0, 0, 2), expand=False)


def _table(lines: list[Told]) -> Columns:
    table = Columns(part for each in lines for part in _narrow(each))
    table.add_column("time")
    table.add_column("what, state")
    table.add_column("details, Stripe's request")
    for each in lines:
        what = Text.assemble(each.what, "\n" if each.state else "", (each.state, each.style))
        details = "\n".join(part for part in ("; ".join(each.says), each.request) if part)
        table.add_row(each.at, what, details)
    return table


def facts_of(story: Story) -> str:
    """Who it is and what is told of it, on one line."""
    customers = ", ".join(story.stripe_customer_ids) or "no Stripe customer"
    plans = f"plan {', '.join(story.plan_ids)}" if story.plan_ids else "no plan"
    window = f"{_bound(story.since, 'the beginning')} up to {_bound(story.until, 'now')}"
    gone = [] if story.listed else ["not in billing_companies any more"]
    return "; ".join([customers, plans, window, _modes(story), *gone])


def _bound(instant: str | None, else_: str) -> str:
    return minute(instant) if instant else else_


def _modes(story: Story) -> str:
    modes = {entry.facts["livemode"] for entry in story.entries if "livemode" in entry.facts}
    names = {(True,): "live mode", (False,): "test mode", (False, True): "live and test mode"}
    return names.get(tuple(sorted(modes)), "nothing at Stripe")


def story_document(story: Story) -> dict[str, object]:
    document = {name: value for name, value in vars(story).items() if name != "entries"}
    return {**document, "entries": list(map(_entry_document, story.entries))}


def _entry_document(entry: Entry) -> dict[str, object]:
    facts = {name: value for name, value in entry.facts.items() if name != "currency" and not name.endswith("_minor")}
    return {"at": entry.at, "kind": entry.kind.value, **facts, **dict(_amounts(entry.facts))}


def _amounts(facts: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Money by its name; None where the row has no amount. A row of a view may have no currency."""
    for name, amount_minor in facts.items():
        if name.endswith("_minor"):
            money = None if amount_minor is None else {"amount_minor": int(amount_minor), "currency": facts["currency"]}
            yield name.removesuffix("_minor").removeprefix("amount_"), money
