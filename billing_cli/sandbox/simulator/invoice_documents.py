"""The invoice itself: its document, its lines, and what they add up to."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from billing_cli.sandbox.simulator.invoice_pdf import pdf_link
from billing_cli.sandbox.simulator.replies import Call, missing
from billing_cli.sandbox.simulator.state import State

LINES_SHOWN = 10


def new_invoice(invoice_id: str, customer: str, currency: str, now_s: float, livemode: bool) -> dict[str, Any]:
    """A draft without lines."""
    zeros = ("amount_due", "amount_overpaid", "amount_paid", "amount_paid_off_stripe", "amount_remaining",
             "amount_shipping", "attempt_count", "post_payment_credit_notes_amount",
             "pre_payment_credit_notes_amount", "starting_balance", "subtotal", "subtotal_excluding_tax",
             "total", "total_excluding_tax")  # fmt: skip
    nulls = ("description", "due_date", "effective_at", "ending_balance", "footer", "hosted_invoice_url",
             "invoice_pdf", "next_payment_attempt", "number", "parent", "receipt_number")  # fmt: skip
    moments = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
    return {
        "id": invoice_id,
        "object": "invoice",
        **dict.fromkeys(zeros, 0),
        **dict.fromkeys(nulls),
        "account_country": "US",
        "attempted": False,
        "auto_advance": False,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": int(now_s),
        "currency": currency,
        "customer": customer,
        "default_tax_rates": [],
        "discounts": [],
        "lines": lines_of(invoice_id, []),
        "livemode": livemode,
        "metadata": {},
        "period_end": int(now_s),
        "period_start": int(now_s),
        "status": "draft",
        "status_transitions": dict.fromkeys(moments),
        "total_taxes": [],
    }


def new_line(
    line_id: str, invoice: dict[str, Any], amount: int, description: str | None, item_id: str | None = None
) -> dict[str, Any]:
    details = {"invoice_item": item_id, "proration": False, "proration_details": None, "subscription": None}
    parent = {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}
    return {
        "id": line_id,
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": amount >= 0,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": invoice["livemode"],
        "metadata": {},
        "parent": parent if item_id else None,
        "period": {"end": invoice["period_end"], "start": invoice["period_start"]},
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "subtotal": amount,
        "taxes": [],
    }


def with_lines(invoice: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The invoice with these lines and the sums that follow from them."""
    subtotal = sum(line["amount"] for line in lines)
    taxes = [_tax(rate, subtotal) for rate in invoice["default_tax_rates"]]
    total = subtotal + sum(tax["amount"] for tax in taxes)
    sums = dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total_excluding_tax"), subtotal)
    due = dict.fromkeys(("amount_due", "amount_remaining"), max(0, total))
    listed = lines_of(invoice["id"], lines)
    return {**invoice, **sums, **due, "total": total, "total_taxes": taxes, "lines": listed}


def find_invoice(state: State, invoice_id: str, param: str = "id") -> dict[str, Any]:
    """Raises Refusal: 404 where the address names the invoice, 400 where a parameter does."""
    invoice = state.objects("invoice").get(invoice_id)
    if invoice is None:
        raise missing("invoice", invoice_id, param, 404 if param == "id" else 400)
    return invoice


def shown(state: State, call: Call, invoice: dict[str, Any]) -> dict[str, Any]:
    """As an answer has it: ten lines, a draft beside the balance of today, anything else with a fresh link."""
    data = invoice["lines"]["data"]
    invoice = {
        **invoice,
        "lines": {**invoice["lines"], "data": data[:LINES_SHOWN], "has_more": len(data) > LINES_SHOWN},
    }
    if invoice["status"] == "draft":
        balance = applicable_balance(state, invoice)
        due = max(0, invoice["total"] + balance)
        return {**invoice, "starting_balance": balance, "amount_due": due, "amount_remaining": due}
    link = pdf_link(call, invoice["id"])
    return {**invoice, "invoice_pdf": link, "hosted_invoice_url": f"http://{call.host}/_invoice/{invoice['id']}"}


def applicable_balance(state: State, invoice: dict[str, Any]) -> int:
    """The customer's balance in minor units, where it is in the invoice's currency."""
    customer = state.contents.customers.get(invoice["customer"], {})
    return int(customer["balance"]) if customer.get("currency") == invoice["currency"] else 0


def lines_of(invoice_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    url = f"/v1/invoices/{invoice_id}/lines"
    return {"object": "list", "data": lines, "has_more": False, "total_count": len(lines), "url": url}


def tax_rate(percent: float) -> dict[str, Any]:
    name = str(percent).replace(".", "_")
    return {
        "id": f"txr_sandbox{name}",
        "object": "tax_rate",
        "active": True,
        "display_name": "Tax",
        "inclusive": False,
        "percentage": percent,
    }


def _tax(rate: dict[str, Any], subtotal: int) -> dict[str, Any]:
    amount = Decimal(subtotal) * Decimal(str(rate["percentage"])) / 100
    return tax_total(rate["id"], int(amount.to_integral_value(ROUND_HALF_UP)), subtotal)


def tax_total(rate_id: str, amount: int, taxable: int) -> dict[str, Any]:
    """One entry of `total_taxes`, on invoices and on credit notes."""
    return {
        "amount": amount,
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": rate_id},
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }
