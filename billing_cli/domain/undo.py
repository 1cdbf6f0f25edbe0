"""Whether and how a movement of money can be undone."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing_cli.domain.money import major

if TYPE_CHECKING:
    from billing_cli.domain.intent import Action


@dataclass(frozen=True)
class Undo:
    """`how` is one or more sentences for the operator; `command` does it, or makes up for what cannot be undone."""

    possible: bool
    how: str
    command: str | None

    def document(self) -> dict[str, object]:
        return {"possible": self.possible, "how": self.how, "command": self.command}


def undo_refund(action: "Action") -> Undo:
    return Undo(False, "A refund cannot be taken back. To have the money after all, charge it anew.", _charge(action))


def undo_credit_note(action: "Action") -> Undo:
    """Stripe voids credit notes of open invoices only."""
    if "refund_amount" in action.request:
        return Undo(
            False,
            "A credit note that gives money back cannot be taken back. To have the money after all, charge it anew.",
            _charge(action),
        )
    if action.seen.get("status") == "paid":
        return Undo(
            False,
            "Stripe voids no credit note of a paid invoice. To make up for it, charge the customer's balance.",
            _adjust(action, "charge", "balance"),
        )
    return Undo(
        True,
        "As long as the invoice is open, void the credit note; cn_… is shown when it is made.",
        "stripe post /v1/credit_notes/cn_…/void",
    )


def undo_invoice_item(action: "Action") -> Undo:
    how = "Until its invoice is final, the opposite in the same place undoes it; after that, the same on the next one."
    same_draft = ["--invoice", str(action.request["invoice"])] if "invoice" in action.request else []
    return Undo(True, how, _adjust(action, _opposite(action), "invoice-item", same_draft))


def undo_balance(action: "Action") -> Undo:
    how = "The opposite in the same place undoes it; what an invoice has used by then stays on that invoice."
    return Undo(True, how, _adjust(action, _opposite(action), "balance"))


def undo_credit_grant(action: "Action") -> Undo:
    how = (
        "As long as nothing of it is used, void it; after that, expire it (…/expire), and what was used stays used. "
        "credgr_… is shown when it is made."
    )
    return Undo(True, how, "stripe post /v1/billing/credit_grants/credgr_…/void")


def undo_mark_paid(action: "Action") -> Undo:
    how = "It cannot be undone: Stripe opens no paid invoice again. To have the money after all, charge it anew."
    return Undo(False, how, _charge(action))


def undo_void_invoice(action: "Action") -> Undo:
    how = "It cannot be undone: Stripe opens no void invoice again. To have the money after all, charge it anew."
    return Undo(False, how, _charge(action))


def undo_mark_uncollectible(action: "Action") -> Undo:
    words = ["billing", "invoices", "mark-paid", action.company_id, action.subject, "--reason", "Paid"]
    how = "It cannot be undone: Stripe opens it no more. If the money comes after all, mark it as paid."
    return Undo(False, how, shlex.join(words))


def _charge(action: "Action") -> str:
    return _adjust(action, "charge", "invoice-item")


def _opposite(action: "Action") -> str:
    return "charge" if action.in_favour_of_company else "credit"


def _adjust(action: "Action", direction: str, instrument: str, more: Sequence[str] = ()) -> str:
    words = ["billing", "adjust", action.company_id, direction, "--amount", major(action.money)]
    words += ["--currency", action.money.currency, "--reason", "Correction", "--as", instrument]
    return shlex.join([*words, *more])
