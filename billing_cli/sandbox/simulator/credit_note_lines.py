"""The lines of a credit note: as asked for one by one, or one line with the whole amount."""

import secrets
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from billing_cli.sandbox.simulator.replies import Call, Refusal, integer, missing

TYPES = ("invoice_line_item", "custom_line_item")


def lines_of(call: Call, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    """Amounts are without tax, in minor units. Raises Refusal."""
    asked = asked_lines(call)
    if not asked:
        amount = integer(call, "amount")
        return [_line(invoice, amount - tax_within(invoice, amount), {"type": TYPES[1]}, 1)]
    return [_read(invoice, index, line) for index, line in enumerate(asked)]


def asked_lines(call: Call) -> list[dict[str, str]]:
    """`lines[0][amount]=5` and so on, as one mapping a line."""
    lines: dict[int, dict[str, str]] = {}
    for key, value in call.params.items():
        parts = key.replace("]", "").split("[")
        if parts[0] == "lines" and len(parts) == 3 and parts[1].isdigit():
            lines.setdefault(int(parts[1]), {})[parts[2]] = value
    return [lines[index] for index in sorted(lines)]


def tax_within(invoice: dict[str, Any], amount: int) -> int:
    """The tax in proportion, rounded over all credit notes together: the last one never strays by a cent."""
    before, tax, total = credited_before(invoice), tax_of(invoice), invoice["total"]
    return share(before + amount, tax, total) - share(before, tax, total)


def credited_before(invoice: dict[str, Any]) -> int:
    return int(invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"])


def tax_of(invoice: dict[str, Any]) -> int:
    return sum(tax["amount"] for tax in invoice["total_taxes"])


def share(part: int, of: int, whole: int) -> int:
    """What `part` of `whole` is of `of`, to the nearest unit."""
    return int((Decimal(part) * of / whole).to_integral_value(ROUND_HALF_UP)) if whole else 0


def _read(invoice: dict[str, Any], index: int, asked: dict[str, str]) -> dict[str, Any]:
    name = f"lines[{index}]"
    if asked.get("type") not in TYPES:
        raise Refusal(400, f"Invalid {name}[type]: must be {' or '.join(TYPES)}.", param=f"{name}[type]")
    numbers = Call("", "", asked, False, 0)
    quantity = integer(numbers, "quantity", 1)
    if asked["type"] == "custom_line_item":
        return _line(invoice, integer(numbers, "unit_amount") * quantity, asked, quantity)
    credited = _invoice_line(invoice, asked.get("invoice_line_item", ""), f"{name}[invoice_line_item]")
    amount = integer(numbers, "amount", credited["amount"])
    if amount > credited["amount"]:
        raise Refusal(400, f"The line has only {credited['amount']} to credit.", param=f"{name}[amount]")
    return _line(invoice, amount, asked, quantity)


def _invoice_line(invoice: dict[str, Any], line_id: str, param: str) -> dict[str, Any]:
    lines: list[dict[str, Any]] = invoice["lines"]["data"]
    for line in lines:
        if line["id"] == line_id:
            return line
    raise missing("invoice line item", line_id, param, 400)


def _line(invoice: dict[str, Any], amount: int, asked: dict[str, str], quantity: int) -> dict[str, Any]:
    return {
        "id": f"cnli_{secrets.token_hex(8)}",
        "object": "credit_note_line_item",
        "amount": amount,
        "description": asked.get("description"),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": asked.get("invoice_line_item"),
        "livemode": invoice["livemode"],
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": asked["type"],
        "unit_amount": None,
    }
