"""Invoices, what changes them, and their PDFs, through stripe-python as the program uses it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe as sdk
from stripe import InvalidRequestError, StripeClient
from support.stripe_control import StripeDouble

from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.sandbox.stripe_control import ask

KEY = "sk_test_1"


def connect(url: str) -> StripeClient:
    return sdk.StripeClient(KEY, base_addresses={"api": url})


def put_invoice(url: str, invoice_id: str = "in_1", status: str = "open", **more: Any) -> None:
    row = {"id": invoice_id, "customer": "cus_1", "status": status, "lines": [{"amount": 1000, "description": "Work"}]}
    ask(url, "POST", "invoices", {"invoices": [row | more]})


def put_paid_invoice(url: str, **more: Any) -> None:
    """in_1, paid by pi_1."""
    payment = {"id": "pi_1", "customer": "cus_1", "amount": 1190 if more else 1000, "currency": "usd"}
    ask(url, "POST", "payments", {"payments": [payment]})
    put_invoice(url, status="paid", payment_intent="pi_1", **more)


@pytest.fixture
def url(stripe: StripeDouble) -> str:
    stripe.bulk(customers=[{"id": "cus_1", "name": "Müller (München)"}, {"id": "cus_2"}], meters=[])
    return stripe.url


@pytest.fixture
def client(url: str) -> StripeClient:
    return connect(url)


def draft(client: StripeClient, *amounts: int, **params: Any) -> str:
    """A draft of cus_1 with one item for each amount."""
    wish: Any = {"customer": "cus_1", "currency": "usd", **params}
    invoice = client.v1.invoices.create(wish)
    for amount in amounts:
        client.v1.invoice_items.create(
            {"customer": "cus_1", "amount": amount, "currency": "usd", "invoice": invoice.id}
        )
    return invoice.id


def refused(call: Callable[[], object]) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        call()
    return caught.value


def event_types(client: StripeClient) -> list[str]:
    """Oldest first."""
    return [event.type for event in reversed(client.v1.events.list({"limit": 100}).data)]


def test_a_draft_becomes_open_with_number_and_links_and_then_paid(client: StripeClient) -> None:
    invoice_id = draft(client, 1500, -500)
    before = client.v1.invoices.retrieve(invoice_id)
    assert (before.status, before.total, before.number, before.invoice_pdf) == ("draft", 1000, None, None)
    opened = client.v1.invoices.finalize_invoice(invoice_id)
    assert opened.status == "open"
    assert (opened.amount_due, opened.amount_remaining, opened.ending_balance) == (1000, 1000, 0)
    assert opened.number and opened.invoice_pdf and opened.hosted_invoice_url
    paid = client.v1.invoices.pay(invoice_id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
    assert paid.status_transitions.paid_at
    assert [kind for kind in event_types(client) if kind.startswith("invoice.")] == [
        "invoice.created", "invoice.updated", "invoice.updated", "invoice.finalized", "invoice.paid",
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["paid", "draft", "void"])
def test_what_is_not_open_cannot_be_paid(client: StripeClient, url: str, status: str) -> None:
    put_invoice(url, status=status)
    error = refused(lambda: client.v1.invoices.pay("in_1", {"paid_out_of_band": True}))
    assert error.http_status == 400
    assert (str(error.user_message) == "Invoice is already paid") is (status == "paid")


def test_an_uncollectible_invoice_can_still_be_paid(client: StripeClient, url: str) -> None:
    put_invoice(url)
    assert client.v1.invoices.mark_uncollectible("in_1").status == "uncollectible"
    assert client.v1.invoices.pay("in_1", {"paid_out_of_band": True}).status == "paid"


def test_only_an_unpaid_final_invoice_can_be_voided(client: StripeClient, url: str) -> None:
    put_invoice(url)
    assert client.v1.invoices.void_invoice("in_1").status == "void"
    put_invoice(url, "in_2", "draft")
    assert refused(lambda: client.v1.invoices.void_invoice("in_2")).http_status == 400


def test_a_credit_balance_is_used_up_by_the_next_invoice_and_given_back_by_voiding_it(client: StripeClient) -> None:
    credit: Any = {"amount": -400, "currency": "usd", "description": "Sorry", "metadata": {"why": "outage"}}
    made = client.v1.customers.balance_transactions.create("cus_1", credit)
    assert (made.type, made.ending_balance, made["metadata"]["why"]) == ("adjustment", -400, "outage")
    invoice_id = draft(client, 1000)
    assert client.v1.invoices.retrieve(invoice_id).amount_due == 600
    opened = client.v1.invoices.finalize_invoice(invoice_id)
    assert (opened.starting_balance, opened.ending_balance, opened.amount_due) == (-400, 0, 600)
    assert client.v1.customers.retrieve("cus_1").balance == 0
    client.v1.invoices.void_invoice(invoice_id)
    assert client.v1.customers.retrieve("cus_1").balance == -400
    listed = client.v1.customers.balance_transactions.list("cus_1").data
    assert [(one.type, one.amount, one.ending_balance) for one in listed] == [
        ("unapplied_from_invoice", -400, -400), ("applied_to_invoice", 400, 0), ("adjustment", -400, -400),
    ]  # fmt: skip
    assert client.v1.customers.balance_transactions.retrieve("cus_1", made.id).amount == -400


def test_a_balance_larger_than_the_invoice_pays_it_and_keeps_the_rest(client: StripeClient, url: str) -> None:
    ask(url, "POST", "customers_balance", {"customer": "cus_1", "balance": -5000, "currency": "usd"})
    opened = client.v1.invoices.finalize_invoice(draft(client, 1000))
    assert (opened.status, opened.amount_due, opened.ending_balance) == ("paid", 0, -4000)


def test_a_balance_in_another_currency_is_refused(client: StripeClient, url: str) -> None:
    put_invoice(url)
    error = refused(lambda: client.v1.customers.balance_transactions.create("cus_1", {"amount": -1, "currency": "eur"}))
    assert (error.http_status, error.param) == (400, "currency")


def test_pending_items_wait_until_an_invoice_includes_them(client: StripeClient) -> None:
    item = client.v1.invoice_items.create(
        {"customer": "cus_1", "amount": 700, "currency": "usd", "description": "Late", "metadata": {"a": "b"}}
    )
    assert client.v1.invoices.retrieve(draft(client)).total == 0
    assert [one.id for one in client.v1.invoice_items.list({"customer": "cus_1", "pending": True}).data] == [item.id]
    wish: Any = {"customer": "cus_1", "pending_invoice_item_behavior": "include"}
    included = client.v1.invoices.create(wish)
    assert (included.total, included.lines.data[0].description) == (700, "Late")
    assert client.v1.invoice_items.retrieve(item.id).invoice == included.id
    assert client.v1.invoice_items.list({"pending": True}).data == []
    assert [one.id for one in client.v1.invoice_items.list({"invoice": included.id}).data] == [item.id]


def test_an_item_leaves_a_draft_but_not_a_final_invoice(client: StripeClient) -> None:
    invoice_id = draft(client, 1000, 500)
    first, second = client.v1.invoice_items.list({"invoice": invoice_id}).data
    client.v1.invoice_items.delete(first.id)
    assert client.v1.invoices.retrieve(invoice_id).total == 1000
    assert refused(lambda: client.v1.invoice_items.retrieve(first.id)).code == "resource_missing"
    client.v1.invoices.finalize_invoice(invoice_id)
    assert refused(lambda: client.v1.invoice_items.delete(second.id)).code == "invoice_not_editable"


@pytest.mark.parametrize("more", [{"invoice": "in_1"}, {"invoice": "in_none"}, {"customer": "cus_none"}])
def test_an_item_needs_a_draft_of_its_customer(client: StripeClient, url: str, more: dict[str, str]) -> None:
    put_invoice(url)
    item: Any = {"customer": "cus_1", "amount": 1, "currency": "usd", **more}
    assert refused(lambda: client.v1.invoice_items.create(item)).param == next(iter(more))
    assert client.v1.invoice_items.list().data == []


def test_lists_filter_by_customer_status_and_time_newest_first(client: StripeClient, url: str) -> None:
    for number in range(5):
        put_invoice(url, f"in_{number}", "open" if number % 2 else "paid", created=1_000_000 + number)
    put_invoice(url, "in_other", customer="cus_2", created=1_000_009)
    window: Any = {"customer": "cus_1", "created": {"gte": 1_000_001, "lt": 1_000_004}}
    assert [one.id for one in client.v1.invoices.list(window).data] == ["in_3", "in_2", "in_1"]
    edges: Any = {"customer": "cus_1", "created": {"gt": 1_000_001, "lte": 1_000_004}}
    assert [one.id for one in client.v1.invoices.list(edges).data] == ["in_4", "in_3", "in_2"]
    assert [one.id for one in client.v1.invoices.list(window | {"status": "open"}).data] == ["in_3", "in_1"]
    page = client.v1.invoices.list({"limit": 2, "starting_after": "in_4"})
    assert ([one.id for one in page.data], page.has_more) == (["in_3", "in_2"], True)
    assert len(list(client.v1.invoices.list({"limit": 2}).auto_paging_iter())) == 6


def test_an_invoice_shows_ten_of_its_lines(client: StripeClient, url: str) -> None:
    put_invoice(url, lines=[{"amount": number} for number in range(12)])
    invoice = client.v1.invoices.retrieve("in_1")
    assert (len(invoice.lines.data), invoice.lines.has_more, invoice.total) == (10, True, 66)
    assert len(client.v1.invoices.line_items.list("in_1", {"limit": 20}).data) == 12


def test_the_payment_of_an_invoice_is_found_from_both_ends(client: StripeClient, url: str) -> None:
    put_paid_invoice(url)
    put_invoice(url, "in_2", "paid")
    by_payment = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": "pi_1"}})
    assert [(one.invoice, one.amount_paid, one.status) for one in by_payment.data] == [("in_1", 1000, "paid")]
    by_invoice = client.v1.invoice_payments.list({"invoice": "in_1"}).data[0]
    assert (by_invoice.payment.type, by_invoice.payment.payment_intent) == ("payment_intent", "pi_1")
    assert client.v1.invoice_payments.list({"invoice": "in_2"}).data == []


def test_paying_an_invoice_in_stripe_makes_a_payment(client: StripeClient, url: str) -> None:
    put_invoice(url)
    assert client.v1.invoices.pay("in_1").amount_paid == 1000
    payment = client.v1.invoice_payments.list({"invoice": "in_1"}).data[0].payment.payment_intent
    assert client.v1.payment_intents.retrieve(str(payment)).amount_received == 1000


def test_subscriptions_are_none_or_those_that_were_put_there(client: StripeClient, url: str) -> None:
    assert client.v1.subscriptions.list({"customer": "cus_1"}).data == []
    rows = [
        {"id": "sub_1", "customer": "cus_1", "status": "active"},
        {"id": "sub_2", "customer": "cus_1", "status": "canceled"},
    ]
    ask(url, "POST", "subscriptions", {"subscriptions": rows})
    assert [one.id for one in client.v1.subscriptions.list({"customer": "cus_1"}).data] == ["sub_1"]
    assert len(client.v1.subscriptions.list({"customer": "cus_1", "status": "all"}).data) == 2
    assert client.v1.subscriptions.list({"customer": "cus_2"}).data == []


def test_a_credit_note_on_an_open_invoice_reduces_what_is_left_to_pay(client: StripeClient, url: str) -> None:
    put_invoice(url)
    note = client.v1.credit_notes.create({"invoice": "in_1", "amount": 300, "memo": "Sorry", "metadata": {"a": "b"}})
    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("pre_payment", 300, 0)
    assert (note.memo, note["metadata"]["a"], note.status) == ("Sorry", "b", "issued")
    invoice = client.v1.invoices.retrieve("in_1")
    assert (invoice.amount_remaining, invoice.pre_payment_credit_notes_amount, invoice.total) == (700, 300, 1000)
    assert client.v1.credit_notes.void_credit_note(note.id).status == "void"
    assert client.v1.invoices.retrieve("in_1").amount_remaining == 1000


def test_a_credit_note_over_all_that_is_open_settles_the_invoice(client: StripeClient, url: str) -> None:
    put_invoice(url)
    client.v1.credit_notes.create({"invoice": "in_1", "amount": 1000})
    invoice = client.v1.invoices.retrieve("in_1")
    assert (invoice.status, invoice.amount_paid, invoice.amount_remaining) == ("paid", 0, 0)


def test_a_credit_note_on_a_paid_invoice_refunds_and_credits(client: StripeClient, url: str) -> None:
    put_paid_invoice(url)
    wish: Any = {"invoice": "in_1", "amount": 500, "refund_amount": 300, "credit_amount": 150, "out_of_band_amount": 50}
    note = client.v1.credit_notes.create(wish | {"reason": "order_change", "email_type": "none"})
    assert (note.type, note.post_payment_amount, note.out_of_band_amount) == ("post_payment", 500, 50)
    assert note.refunds[0].amount_refunded == 300
    refund = client.v1.refunds.retrieve(str(note.refunds[0].refund))
    assert (refund.amount, refund.payment_intent) == (300, "pi_1")
    moved = client.v1.customers.balance_transactions.list("cus_1").data[0]
    assert (moved.id, moved.type, moved.amount) == (note.customer_balance_transaction, "credit_note", -150)
    assert client.v1.customers.retrieve("cus_1").balance == -150
    assert client.v1.invoices.retrieve("in_1").post_payment_credit_notes_amount == 500
    assert [one.id for one in client.v1.credit_notes.list({"invoice": "in_1"}).data] == [note.id]
    assert refused(lambda: client.v1.credit_notes.void_credit_note(note.id)).http_status == 400


def test_a_preview_has_the_same_sums_and_no_effect(client: StripeClient, url: str) -> None:
    put_paid_invoice(url, tax_percent=19)
    wish: Any = {"invoice": "in_1", "amount": 500, "refund_amount": 500}
    preview = client.v1.credit_notes.preview(wish)
    assert client.v1.credit_notes.list().data == []
    assert client.v1.refunds.list().data == []
    note = client.v1.credit_notes.create(wish)
    same = ("amount", "total", "subtotal", "post_payment_amount", "total_taxes", "type", "number")
    assert {name: preview[name] for name in same} == {name: note[name] for name in same}
    assert (note.subtotal, note.total_taxes and note.total_taxes[0].amount) == (420, 80)


def test_the_tax_of_all_credit_notes_is_the_tax_of_the_invoice(client: StripeClient, url: str) -> None:
    put_invoice(url, lines=[{"amount": 1000}], tax_percent=19)
    invoice = client.v1.invoices.retrieve("in_1")
    assert (invoice.total, invoice.total_excluding_tax) == (1190, 1000)
    for amount in (333, 333, 333, 191):
        client.v1.credit_notes.create({"invoice": "in_1", "amount": amount})
    notes = client.v1.credit_notes.list({"invoice": "in_1"}).data
    assert sum(tax.amount for note in notes for tax in note.total_taxes or []) == 190


def test_a_credit_note_may_name_lines(client: StripeClient, url: str) -> None:
    put_invoice(url, lines=[{"amount": 600}, {"amount": 400}], tax_percent=10)
    line = client.v1.invoices.retrieve("in_1").lines.data[1].id
    lines: Any = [
        {"type": "invoice_line_item", "invoice_line_item": line, "amount": 400},
        {"type": "custom_line_item", "unit_amount": 50, "quantity": 2, "description": "Bonus"},
    ]
    note = client.v1.credit_notes.create({"invoice": "in_1", "lines": lines})
    assert (note.amount, note.subtotal, [one.amount for one in note.lines.data]) == (540, 500, [400, 100])


@pytest.mark.parametrize(
    ("status", "wish", "param"),
    [
        ("open", {"amount": 1001}, "amount"),
        ("open", {"amount": 0}, "amount"),
        ("open", {}, "amount"),
        ("open", {"amount": 10, "refund_amount": 10}, None),
        ("open", {"amount": 10, "reason": "whim"}, "reason"),
        ("open", {"lines": [{"unit_amount": 10}]}, "lines[0][type]"),
        ("open", {"lines": [{"type": "custom_line_item", "unit_amount": 10}], "amount": 9}, "amount"),
        (
            "open",
            {"lines": [{"type": "invoice_line_item", "invoice_line_item": "il_no"}]},
            "lines[0][invoice_line_item]",
        ),
        ("paid", {"amount": 10}, None),
        ("paid", {"amount": 10, "credit_amount": 9}, None),
        ("paid", {"amount": 10, "credit_amount": 11, "out_of_band_amount": -1}, "out_of_band_amount"),
        ("paid", {"amount": 10, "refund_amount": 10}, "refund_amount"),
        ("draft", {"amount": 10}, "invoice"),
        ("void", {"amount": 10}, "invoice"),
    ],
)
def test_credit_notes_that_stripe_refuses(
    client: StripeClient, url: str, status: str, wish: dict[str, Any], param: str | None
) -> None:
    put_invoice(url, status=status)
    params: Any = {"invoice": "in_1", **wish}
    assert refused(lambda: client.v1.credit_notes.preview(params)).param == param
    assert refused(lambda: client.v1.credit_notes.create(params)).http_status == 400
    assert client.v1.credit_notes.list().data == []


def test_credit_notes_never_exceed_the_invoice_together(client: StripeClient, url: str) -> None:
    put_invoice(url, status="paid")
    half: Any = {"invoice": "in_1", "amount": 501, "credit_amount": 501}
    client.v1.credit_notes.create(half)
    assert refused(lambda: client.v1.credit_notes.create(half)).param == "amount"


def test_a_refused_refund_leaves_no_credit_note(client: StripeClient, url: str) -> None:
    put_paid_invoice(url)
    client.v1.refunds.create({"payment_intent": "pi_1", "amount": 900})
    params: Any = {"invoice": "in_1", "amount": 200, "refund_amount": 150, "credit_amount": 50}
    assert refused(lambda: client.v1.credit_notes.create(params)).http_status == 400
    assert client.v1.credit_notes.list().data == []
    assert client.v1.customers.retrieve("cus_1").balance == 0


def fetch(link: str | None, **more: Any) -> requests.Response:
    return requests.get(str(link), timeout=10, **more)


def test_a_pdf_comes_after_one_redirect_and_is_the_same_each_time(client: StripeClient, url: str) -> None:
    put_invoice(url, number="N-1")
    first, second = (client.v1.invoices.retrieve("in_1").invoice_pdf for _ in range(2))
    assert first != second
    answer = fetch(first)
    assert [step.status_code for step in answer.history] == [302]
    assert answer.content == fetch(second).content
    assert answer.content.startswith(b"%PDF-") and answer.content.rstrip().endswith(b"%%EOF")
    for text in (b"N-1", b"cus_1", b"10.00 USD", "Müller \\(München\\)".encode("latin-1")):
        assert text in answer.content


def test_a_pdf_changes_with_its_invoice(client: StripeClient, url: str) -> None:
    put_invoice(url)
    before = fetch(client.v1.invoices.retrieve("in_1").invoice_pdf).content
    client.v1.invoices.pay("in_1", {"paid_out_of_band": True})
    assert fetch(client.v1.invoices.retrieve("in_1").invoice_pdf).content != before


def test_a_pdf_link_is_good_for_a_minute(client: StripeClient, url: str) -> None:
    put_invoice(url)
    link = client.v1.invoices.list().data[0].invoice_pdf
    ask(url, "POST", "clock", {"offset_s": 55})
    assert fetch(link).status_code == 200
    ask(url, "POST", "clock", {"offset_s": 65})
    assert fetch(link).status_code == 403
    assert fetch(str(client.v1.invoices.retrieve("in_1").invoice_pdf)).status_code == 200


def test_a_pdf_link_of_another_invoice_is_refused(client: StripeClient, url: str) -> None:
    put_invoice(url)
    put_invoice(url, "in_2")
    link = str(client.v1.invoices.retrieve("in_1").invoice_pdf)
    assert fetch(link.replace("in_1", "in_2")).status_code == 403
    assert fetch(link.replace("in_1", "in_3")).status_code == 404


def test_a_pdf_request_must_not_carry_the_key(client: StripeClient, url: str) -> None:
    put_invoice(url)
    link = client.v1.invoices.retrieve("in_1").invoice_pdf
    assert fetch(link, headers={"Authorization": f"Bearer {KEY}"}).status_code == 400


def test_pdf_downloads_go_wrong_on_request(client: StripeClient, url: str) -> None:
    put_invoice(url)
    link = client.v1.invoices.retrieve("in_1").invoice_pdf
    good = fetch(link).content

    def with_fault(fault: str | None, **more: Any) -> requests.Response:
        ask(url, "POST", "pdf", {"invoice": "*", "fault": fault})
        return fetch(link, **more)

    assert with_fault("500").status_code == 500
    assert with_fault("html").headers["Content-Type"].startswith("text/html")
    assert good.startswith(with_fault("truncated").content)
    assert with_fault("foreign_redirect", allow_redirects=False).headers["Location"].startswith("https://")
    with pytest.raises(requests.TooManyRedirects):
        with_fault("loop")
    with with_fault("huge", stream=True) as huge:
        assert len(huge.raw.read(26 << 20, decode_content=True)) == 26 << 20
    with with_fault("slow", stream=True) as slow:
        assert next(slow.iter_content(16)) == good[:4]
    assert with_fault(None).content == good


def test_faults_of_the_network_reach_pdfs_too(client: StripeClient, url: str, stripe: StripeDouble) -> None:
    put_invoice(url)
    link = client.v1.invoices.retrieve("in_1").invoice_pdf
    stripe.fault(kind="status", status=503, endpoint="/_pdf", count=1)
    assert fetch(link).status_code == 503
    stripe.fault(kind="lost_reply", endpoint="/_pdf", count=1)
    with pytest.raises(requests.ConnectionError):
        fetch(link)
    assert [line["path"].split("/")[1] for line in stripe.log()][-2:] == ["_pdf", "_pdf"]


def test_invoices_that_are_kept_are_not_replaced(client: StripeClient, url: str) -> None:
    put_invoice(url)
    number = client.v1.invoices.pay("in_1", {"paid_out_of_band": True}).number
    row = {"id": "in_1", "customer": "cus_1", "status": "open", "lines": [{"amount": 5}]}
    assert ask(url, "POST", "invoices", {"invoices": [row], "keep": True}) == {"invoices": 0}
    assert client.v1.invoices.retrieve("in_1").status == "paid"
    ask(url, "POST", "invoices", {"invoices": [row]})
    replaced = client.v1.invoices.retrieve("in_1")
    assert (replaced.status, replaced.total, replaced.number) == ("open", 5, number)


def test_a_killed_simulator_remembers_invoices_and_links(tmp_path: Path) -> None:
    first = start_simulator(tmp_path)
    client = connect(first.url)
    ask(first.url, "POST", "bulk", {"customers": [{"id": "cus_1"}]})
    client.v1.customers.balance_transactions.create("cus_1", {"amount": -100, "currency": "usd"})
    invoice_id = draft(client, 1000)
    client.v1.invoices.finalize_invoice(invoice_id)
    note = client.v1.credit_notes.create({"invoice": invoice_id, "amount": 200}, {"idempotency_key": "k"})
    before = client.v1.invoices.retrieve(invoice_id)
    first.kill()
    second = start_simulator(tmp_path)
    try:
        client = connect(second.url)
        after = client.v1.invoices.retrieve(invoice_id)
        again = client.v1.credit_notes.create({"invoice": invoice_id, "amount": 200}, {"idempotency_key": "k"})
        assert again.id == note.id
        assert (after.number, after.amount_remaining) == (before.number, 700)
        path = str(before.invoice_pdf).split("/_pdf/")[1]
        assert fetch(f"{second.url}/_pdf/{path}").status_code == 200
        assert client.v1.customers.retrieve("cus_1").balance == 0
    finally:
        second.stop()


def test_more_than_a_megabyte_of_invoices_is_put_at_once_and_listed_page_by_page(
    client: StripeClient, url: str
) -> None:
    row = {"customer": "cus_1", "status": "open", "lines": [{"amount": 1, "description": "x" * 400}]}
    rows = [{"id": f"in_{number}", "created": number, **row} for number in range(3000)]
    ask(url, "POST", "invoices", {"invoices": rows})
    numbers = {invoice.number for invoice in client.v1.invoices.list({"limit": 100}).auto_paging_iter()}
    assert len(numbers) == 3000
