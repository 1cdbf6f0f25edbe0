"""The credit note itself, as Stripe shows it."""

from typing import Any

from billing_cli.sandbox.simulator.credit_note_sums import Sums
from billing_cli.sandbox.simulator.invoice_documents import tax_total
from billing_cli.sandbox.simulator.invoice_numbers import next_credit_note_number
from billing_cli.sandbox.simulator.replies import Call, mapping
from billing_cli.sandbox.simulator.state import State

NOUN = "credit_note"
PREVIEW_ID = "cn_preview"


def new_credit_note(
    state: State, call: Call, note_id: str, invoice: dict[str, Any], lines: list[dict[str, Any]], sums: Sums
) -> dict[str, Any]:
    """As issued, before anything was refunded or credited for it. The number is used up unless it is a preview."""
    net = sums.amount - sums.tax
    rates = [rate["id"] for rate in invoice["default_tax_rates"][:1]]
    url = f"/v1/credit_notes/{note_id}/lines"
    kind = "mixed" if sums.pre_payment and sums.post_payment else "pre_payment" if sums.pre_payment else "post_payment"
    return {
        "id": note_id,
        "object": NOUN,
        "amount": sums.amount,
        "amount_shipping": 0,
        "created": int(call.now_s),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": int(call.now_s),
        "invoice": invoice["id"],
        "lines": {"object": "list", "data": lines, "has_more": False, "total_count": len(lines), "url": url},
        "livemode": call.livemode,
        "memo": call.params.get("memo"),
        "metadata": mapping(call, "metadata"),
        "number": next_credit_note_number(state, invoice["id"], invoice["number"], keep=note_id != PREVIEW_ID),
        "out_of_band_amount": sums.out_of_band or None,
        "pdf": f"http://{call.host}/_credit_note/{note_id}",
        "post_payment_amount": sums.post_payment,
        "pre_payment_amount": sums.pre_payment,
        "pretax_credit_amounts": [],
        "reason": call.params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": net,
        "subtotal_excluding_tax": net,
        "total": sums.amount,
        "total_excluding_tax": net,
        "total_taxes": [tax_total(rate, sums.tax, net) for rate in rates],
        "type": kind,
        "voided_at": None,
    }
