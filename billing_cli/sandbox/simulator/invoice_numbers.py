"""Numbers that people read: a customer's invoices and an invoice's credit notes, counted from one."""

import hashlib

from billing_cli.sandbox.simulator.state import State

NOUN = "number_sequence"


def next_invoice_number(state: State, customer_id: str) -> str:
    """Used up at once, so that no number comes twice."""
    number = _next(state, customer_id)
    _keep(state, customer_id, number)
    return f"{hashlib.sha256(customer_id.encode()).hexdigest()[:8].upper()}-{number:04d}"


def next_credit_note_number(state: State, invoice_id: str, invoice_number: str, *, keep: bool) -> str:
    """A preview shows the number without using it up."""
    number = _next(state, invoice_id)
    if keep:
        _keep(state, invoice_id, number)
    return f"{invoice_number}-CN-{number:02d}"


def _next(state: State, sequence: str) -> int:
    return int(state.objects(NOUN).get(sequence, {}).get("last", 0)) + 1


def _keep(state: State, sequence: str, number: int) -> None:
    state.put(NOUN, {"id": sequence, "last": number}, state.now_s())
