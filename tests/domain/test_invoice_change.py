"""Changes of an invoice's state as pure functions: what they start from, what they are about, and what the plan shows."""

from dataclasses import replace

import pytest

from billing_cli.domain.company import Company
from billing_cli.domain.errors import BadInput
from billing_cli.domain.invoice import Invoice, InvoiceStatus, KnownInvoice, PaymentInFlight
from billing_cli.domain.invoice_change import (
    MARK_PAID,
    MARK_UNCOLLECTIBLE,
    VOID_INVOICE,
    InvoiceChange,
    InvoiceFacts,
    change_action,
    warnings,
)
from billing_cli.domain.money import Money

COMPANY = Company("co_1", "Ana", "cus_1")
INVOICE = Invoice(
    "in_1", "A-1", "open", "cus_1", "usd", 10_000, 0, 10_000, "2026-11-01T00:00:00+00:00",
    collection_method="charge_automatically", attempts=2, next_attempt_at="2026-11-30T00:00:00+00:00",
)  # fmt: skip
PENDING = PaymentInFlight("pi_9", "processing", Money(10_000, "usd"))
CHANGES = [MARK_PAID, VOID_INVOICE, MARK_UNCOLLECTIBLE]


def facts_of(change: InvoiceChange, there: str, here: str | None, **more: object) -> dict[str, object]:
    invoice = replace(INVOICE, status=there, **more)  # type: ignore[arg-type]
    return dict(change_action(change, InvoiceFacts(invoice, COMPANY, KnownInvoice(("co_1",), here)), "why").facts)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.command)
@pytest.mark.parametrize("status", InvoiceStatus)
@pytest.mark.parametrize("here", [None, *InvoiceStatus])
def test_a_change_starts_from_its_states_only_and_brings_our_row_up_to_date(
    change: InvoiceChange, status: InvoiceStatus, here: str | None
) -> None:
    behind = status == change.after and here not in (None, change.after)
    if status in change.before or behind:
        assert facts_of(change, status, here)["in Stripe"]
    else:
        with pytest.raises(BadInput):
            facts_of(change, status, here)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.command)
def test_already_is_said_of_the_side_that_is(change: InvoiceChange) -> None:
    already, coming = f"{change.after} already", f"open → {change.after}"
    assert [facts_of(change, "open", change.after)[side] for side in ("in Stripe", "here")] == [coming, already]
    assert [facts_of(change, change.after, "open")[side] for side in ("in Stripe", "here")] == [already, coming]
    assert facts_of(change, "open", None)["here"] == "no row"
    with pytest.raises(BadInput, match=f"is {already} in Stripe; billing_invoices has no row of it"):
        facts_of(change, change.after, None)
    with pytest.raises(BadInput, match=f"is {already}, in Stripe and here"):
        facts_of(change, change.after, change.after)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.command)
def test_the_plan_shows_how_stripe_collects_and_what_may_still_come_in(change: InvoiceChange) -> None:
    facts = InvoiceFacts(INVOICE, COMPANY, KnownInvoice(), (PENDING,))
    shown = change_action(change, facts, "why").facts
    assert shown["collection"] == "charge_automatically"
    assert (shown["attempts so far"], shown["next attempt"]) == (2, "2026-11-30T00:00:00+00:00")
    assert shown["payments in flight"] == "pi_9 processing 100.00 USD"
    (warning,) = warnings(change, facts)
    assert f"pi_9 of 100.00 USD is processing: if it succeeds, {change.if_paid_too}." in warning
    quiet = replace(facts, invoice=replace(INVOICE, next_attempt_at=None), in_flight=())
    assert [change_action(change, quiet, "why").facts[n] for n in ("next attempt", "payments in flight")] == [
        "none"
    ] * 2
    assert warnings(change, quiet) == ()


@pytest.mark.parametrize(
    ("there", "paid", "remaining", "amount"), [("open", 0, 7000, 7000), ("paid", 7000, 0, 7000), ("paid", 0, 0, 10_000)]
)
def test_the_amount_of_a_mark_is_what_is_left_or_what_stripe_has_as_paid(
    there: str, paid: int, remaining: int, amount: int
) -> None:
    invoice = replace(INVOICE, status=there, amount_paid_minor=paid, amount_remaining_minor=remaining)
    action = change_action(MARK_PAID, InvoiceFacts(invoice, COMPANY, KnownInvoice(("co_1",), "open")), "why")
    assert action.money == Money(amount, "usd")
    assert ("paid outside" in action.facts) == (there == "open")


def test_an_invoice_of_another_company_is_refused() -> None:
    for invoice, known in ((replace(INVOICE, customer_id="cus_2"), KnownInvoice()), (INVOICE, KnownInvoice(("co_2",)))):
        with pytest.raises(BadInput, match="not an invoice of co_1"):
            change_action(MARK_PAID, InvoiceFacts(invoice, COMPANY, known), "why")
