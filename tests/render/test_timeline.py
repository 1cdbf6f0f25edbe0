"""A story at any width: everything told, nothing cut, nothing wider than the terminal."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console, RenderableType

from billing_cli.domain.timeline import Entry, Kind, Story, happenings
from billing_cli.render.timeline import StoryView, story_document, told

AT = "2026-11-24T02:38:02.071244+00:00"


def item(number: int, meter: str = "api_calls", state: str = "accepted", error: str | None = None) -> Entry:
    hour = f"2026-11-23T{number:02d}:00:00+00:00"
    facts = {"item_id": number, "batch_id": "exp_1", "livemode": False, "meter": meter, "state": state,
             "quantity": "1.5", "bucket_start": hour, "identifier": f"exp_1-{number}",
             "request_id": f"req_{number // 2}", "error": error, "stripe_customer_id": "cus_1",
             "event_name": meter}  # fmt: skip
    return Entry(AT, Kind.ITEM, facts)


MONEY = {"amount_minor": 1250, "currency": "usd"}
WEBHOOK = Entry(AT, Kind.WEBHOOK, {"event_id": "evt_" + "9" * 60, "livemode": True, "event_type": "invoice.paid",
                "object_id": "in_1", "object_status": "paid", "state": "failed", "effect": None,
                "error": "[bold]no such row", "request_id": None, **MONEY})  # fmt: skip
INTENT = Entry(AT, Kind.INTENT, {"intent_id": "int_1", "livemode": False, "what": "credit_note", "subject": "in_1",
               "state": "done", "stripe_status": "pending", "settled_at": AT, "actor": "ana", "reason": "late",
               "stripe_object_id": "cn_1", "request_id": "req_9", "error": None, **MONEY})  # fmt: skip
APPROVAL = Entry(AT, Kind.APPROVAL, {"approval_id": "apr_1", "livemode": False, "command": "refund", "maker": "ana",
                 "approver": "bob", "used_at": AT, "used_for": "int_1"})  # fmt: skip
BATCH = Entry(AT, Kind.BATCH, {"batch_id": "exp_1", "livemode": False, "state": "done", "actor": "ana", "items": 4,
              "window_start": AT, "window_end": AT, "finished_at": AT, "verified_at": AT})  # fmt: skip
UNDATED = Entry(None, Kind.PAYMENT, {"payment_intent_id": None, "amount_minor": None, "refunded_minor": None,
                "currency": None, "status": None})  # fmt: skip
PAYMENT = Entry(AT, Kind.PAYMENT, {"payment_intent_id": "pi_1", "refunded_minor": 250, "status": "succeeded", **MONEY})
INVOICE = Entry(AT, Kind.INVOICE, {"invoice_id": "in_1", "number": "R-1", "status": "open", "currency": "jpy",
                "total_minor": 700, "amount_paid_minor": 0})  # fmt: skip
USAGE = Entry("2026-11-23T00:00:00+00:00", Kind.USAGE, {"meter": "api_calls", "quantity": "NaN", "usage_rows": 1})
ADJUSTMENT = Entry(AT, Kind.ADJUSTMENT, {"what": "refund", "reason": "late", "intent_id": "int_1",
                   "amount_minor": -1250, "currency": "usd"})  # fmt: skip
ITEMS = [item(1), item(2, "storage_gb"), item(3), item(4, state="rejected", error="400: no"), item(5)]
ALL = [UNDATED, USAGE, APPROVAL, BATCH, *ITEMS, INTENT, ADJUSTMENT, PAYMENT, INVOICE, WEBHOOK]


def story(entries: Sequence[Entry], listed: bool = True) -> Story:
    return Story("co_[bold]1", listed, ("cus_1",), ("pro",), None, None, entries)


def shown(renderable: RenderableType, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("entries", [ALL, []])
def test_nothing_is_wider_than_the_terminal(entries: Sequence[Entry], width: int) -> None:
    assert max(map(len, shown(StoryView(story(entries)), width).splitlines())) <= width


@pytest.mark.parametrize("width", [40, 140])
def test_everything_is_told(width: int) -> None:
    text = " ".join(shown(StoryView(story(ALL)), width).split())
    for part in ("co_[bold]1", "no date", "2026-11-23", "NaN in 1 row", "approval of a refund", "apr_1", "export by ana",
                 "done, verified", "3 events api_calls", "4.5", "req_0 and 2 more", "1 event storage_gb", "rejected",
                 "400: no", "credit note", "done (pending at Stripe)", "req_9", "12.50 USD in its favour",
                 "2.50 USD refunded", "invoice R-1", "700 JPY", "event invoice.paid", "[bold]no such row"):  # fmt: skip
        assert part in text, part
    assert "live and test mode" in text


def test_items_between_other_things_are_not_told_together() -> None:
    assert [len(each.entries) for each in happenings([item(1), PAYMENT, item(2), item(3)])] == [1, 1, 2]


@pytest.mark.parametrize(
    ("entry", "style"), [(WEBHOOK, "red"), (INTENT, "yellow"), (PAYMENT, "green"), (INVOICE, "yellow")]
)
def test_what_somebody_should_look_at_stands_out(entry: Entry, style: str) -> None:
    (happening,) = happenings([entry])
    assert told(happening).style == style


def test_the_document_has_every_item() -> None:
    document = story_document(story(ALL, listed=False))
    assert isinstance(document["entries"], list)
    assert len(document["entries"]) == len(ALL)
    assert document["entries"][0]["at"] is None
    assert "any more" in shown(StoryView(story([], listed=False)), 200)
    assert "Nothing happened." in shown(StoryView(story([])), 120)
