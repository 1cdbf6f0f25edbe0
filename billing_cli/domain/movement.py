"""The kinds of movements of money, and the one rule of each."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from billing_cli.domain.undo import (
    Undo,
    undo_balance,
    undo_credit_grant,
    undo_credit_note,
    undo_invoice_item,
    undo_mark_paid,
    undo_mark_uncollectible,
    undo_refund,
    undo_void_invoice,
)

if TYPE_CHECKING:
    from billing_cli.domain.intent import Action

VOID = "void"


class IntentKind(StrEnum):
    """What is done in Stripe; sql/migrations/0003 and 0020 explain each value."""

    REFUND = "refund"
    CREDIT_NOTE = "credit_note"
    INVOICE_ITEM = "invoice_item"
    BALANCE = "balance"
    MARK_PAID = "mark_paid"
    VOID_INVOICE = "void_invoice"
    MARK_UNCOLLECTIBLE = "mark_uncollectible"
    CREDIT_GRANT = "credit_grant"


@dataclass(frozen=True)
class Rule:
    """`commands` are those that plan it, by the names of their plans.

    `books`: whether it is an adjustment of what the company owes, kept in billing_adjustments.
    `looks_first`: whether Stripe is asked before the first try too, because what is so already is brought up to date
    here and not sent. `reversed_by`: the statuses in Stripe in which it has no effect any more.
    """

    commands: tuple[str, ...]
    books: bool
    looks_first: bool
    reversed_by: frozenset[str]
    undo: "Callable[[Action], Undo]"


_NEVER: frozenset[str] = frozenset()
_REFUND = Rule(
    commands=("refund",),
    books=True,
    looks_first=False,
    reversed_by=frozenset({"failed", "canceled"}),
    undo=undo_refund,
)
_CREDIT_NOTE = Rule(
    commands=("refund", "adjust"),
    books=True,
    looks_first=False,
    reversed_by=frozenset({"failed", "canceled", VOID}),
    undo=undo_credit_note,
)
_INVOICE_ITEM = Rule(("adjust",), books=True, looks_first=False, reversed_by=_NEVER, undo=undo_invoice_item)
_BALANCE = Rule(("adjust",), books=True, looks_first=False, reversed_by=_NEVER, undo=undo_balance)
_CREDIT_GRANT = Rule(("adjust",), books=True, looks_first=False, reversed_by=frozenset({VOID}), undo=undo_credit_grant)
_MARK_PAID = Rule(("invoices mark-paid",), books=False, looks_first=True, reversed_by=_NEVER, undo=undo_mark_paid)
_VOID_INVOICE = Rule(("invoices void",), books=False, looks_first=True, reversed_by=_NEVER, undo=undo_void_invoice)
_MARK_UNCOLLECTIBLE = Rule(
    ("invoices mark-uncollectible",),
    books=False,
    looks_first=True,
    reversed_by=_NEVER,
    undo=undo_mark_uncollectible,
)


def rule_of(kind: IntentKind) -> Rule:
    """The rule of this kind. A kind without a rule does not pass mypy, and is refused at run time.

    `billing_intent_books_v1`, `billing_intent_reversed_v2` and `billing_intent_mirror_v1` have their part of it in SQL.
    """
    match kind:
        case IntentKind.REFUND:
            return _REFUND
        case IntentKind.CREDIT_NOTE:
            return _CREDIT_NOTE
        case IntentKind.INVOICE_ITEM:
            return _INVOICE_ITEM
        case IntentKind.BALANCE:
            return _BALANCE
        case IntentKind.MARK_PAID:
            return _MARK_PAID
        case IntentKind.VOID_INVOICE:
            return _VOID_INVOICE
        case IntentKind.MARK_UNCOLLECTIBLE:
            return _MARK_UNCOLLECTIBLE
        case IntentKind.CREDIT_GRANT:
            return _CREDIT_GRANT
        case _:
            assert_never(kind)


def undo_of(action: "Action") -> Undo:
    """Whether and how the movement that an action proposes can be undone."""
    return rule_of(action.kind).undo(action)
