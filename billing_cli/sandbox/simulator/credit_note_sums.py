"""What a credit note adds up to, and what Stripe refuses."""

from dataclasses import dataclass
from typing import Any

from billing_cli.sandbox.simulator.credit_note_lines import asked_lines, credited_before, share, tax_of, tax_within
from billing_cli.sandbox.simulator.replies import Call, Refusal, integer

GIVEN = ("refund_amount", "credit_amount", "out_of_band_amount")


@dataclass(frozen=True)
class Sums:
    """Minor units. `amount` contains `tax`; what falls after the payment is refund + credit + out_of_band."""

    amount: int
    tax: int
    pre_payment: int
    refund: int
    credit: int
    out_of_band: int

    @property
    def post_payment(self) -> int:
        return self.amount - self.pre_payment


def sums_of(call: Call, invoice: dict[str, Any], lines: list[dict[str, Any]]) -> Sums:
    """Raises Refusal. On an open invoice the credit comes off what is left to pay, as far as that goes."""
    if invoice["status"] not in ("open", "paid"):
        raise Refusal(400, f"Credit notes need an open or paid invoice: this one is {invoice['status']}.",
                      param="invoice")  # fmt: skip
    amount, tax = _amount(call, invoice, lines)
    creditable = invoice["total"] - credited_before(invoice)
    if not 0 < amount <= creditable:
        raise Refusal(400, f"The credit note's amount ({amount}) must be between 1 and what is left of the invoice"
                      f" to credit ({max(0, creditable)}).", param="amount")  # fmt: skip
    pre_payment = min(amount, invoice["amount_remaining"])
    refund, credit, out_of_band = (_given(call, name) for name in GIVEN)
    sums = Sums(amount, tax, pre_payment, refund, credit, out_of_band)
    if refund + credit + out_of_band != sums.post_payment:
        raise Refusal(400, f"The sum of refund amount, credit amount and out of band amount"
                      f" ({refund + credit + out_of_band}) must equal the post payment amount"
                      f" ({sums.post_payment}).")  # fmt: skip
    return sums


def _amount(call: Call, invoice: dict[str, Any], lines: list[dict[str, Any]]) -> tuple[int, int]:
    """The amount with tax, and the tax in it."""
    if not asked_lines(call):
        amount = integer(call, "amount")
        return amount, tax_within(invoice, amount)
    net = sum(line["amount"] for line in lines)
    taxed = sum(line["amount"] for line in lines if line["type"] == "invoice_line_item")
    tax = share(taxed, tax_of(invoice), invoice["subtotal"])
    if integer(call, "amount", net + tax) != net + tax:
        raise Refusal(400, f"The amount must equal the sum of the lines with tax ({net + tax}).", param="amount")
    return net + tax, tax


def _given(call: Call, name: str) -> int:
    if (amount := integer(call, name, 0)) < 0:
        raise Refusal(400, f"{name} must not be negative.", param=name)
    return amount
