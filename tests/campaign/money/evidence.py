"""What is known when a run is over: Stripe's own lists and log, the program's record, and what operators did."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.sleep import DAY_S

from campaign.money.scene import MoneyScene
from campaign.money.wishes import CHANGES, Attempt, Order

_OURS = "billing_intent"
_ROWS_SQL = """
select intent_id, kind::text, subject, coalesce(note, reason), state::text, in_favour_of_company, plan_digest
from billing_intents
"""
_ADJUSTED_SQL = "select intent_id, sum(amount_minor)::bigint from billing_adjustments group by 1"


@dataclass(frozen=True)
class Row:
    """An intent, as the program has recorded it. `wish` is its note or reason."""

    intent_id: str
    kind: str
    subject: str
    wish: str
    state: str
    in_favour: bool
    digest: str


@dataclass(frozen=True)
class Evidence:
    """By intent: what is recorded (`rows`, `adjusted`), the amounts that Stripe moved, and when it was first asked.

    `changed` has invoices and the kinds of changes that they went through, `strangers` are objects of Stripe's that neither the program nor a person in the Dashboard has named, and
    `attempts` the attempts that made a plan, by its digest.
    """

    orders: Sequence[Order]
    rows: Mapping[str, Row]
    adjusted: Mapping[str, int]
    moved: Mapping[str, list[int]]
    strangers: list[str]
    changed: set[tuple[str, str]]
    sent_at: Mapping[str, float]
    attempts: Mapping[str, list[Attempt]]


def gather(scene: MoneyScene, orders: Sequence[Order]) -> Evidence:
    with scene.sql() as sql:
        rows = [Row(*row) for row in sql.execute(_ROWS_SQL).fetchall()]
        adjusted = dict(sql.execute(_ADJUSTED_SQL).fetchall())
    things = _things(scene)
    moved: dict[str, list[int]] = defaultdict(list)
    for thing in things:
        if intent_id := thing["metadata"].get(_OURS):
            moved[intent_id].append(_amount(thing))
    return Evidence(
        orders=orders,
        rows={row.intent_id: row for row in rows},
        adjusted=adjusted,
        moved=moved,
        strangers=[thing["id"] for thing in things if not {_OURS, "dashboard"} & set(thing["metadata"])],
        changed={
            (invoice["id"], kind)
            for invoice in scene.stripe.objects("invoice")
            for kind, (_, moment) in CHANGES.items()
            if invoice["status_transitions"][moment]
        },
        sent_at=_first_sent(scene),
        attempts=_by_digest(orders),
    )


def _things(scene: MoneyScene) -> list[dict[str, Any]]:
    """All that moved money; a refund that a credit note made is the note's."""
    notes = scene.stripe.objects("credit_note")
    of_notes = {one["refund"] for note in notes for one in note["refunds"]}
    refunds = [refund for refund in scene.stripe.objects("refund") if refund["id"] not in of_notes]
    balance = [one for one in scene.stripe.objects("customer_balance_transaction") if one["type"] == "adjustment"]
    grants = scene.stripe.objects("billing.credit_grant")
    return [*refunds, *notes, *scene.stripe.objects("invoiceitem"), *balance, *grants]


def _amount(thing: dict[str, Any]) -> int:
    amount = thing["amount"]
    return int(amount["monetary"]["value"]) if isinstance(amount, dict) else abs(amount)


def _first_sent(scene: MoneyScene) -> dict[str, float]:
    """When the first request under an intent's key came to Stripe, by the clock of the machine."""
    found: dict[str, float] = {}
    for line in scene.stripe.log():
        if key := line.get("idempotency_key"):
            found.setdefault(key, scene.began_at + (line["at"] - scene.began_at) % DAY_S)
    return found


def _by_digest(orders: Sequence[Order]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in (attempt for order in orders for attempt in order.attempts if attempt.plan.exists()):
        found[json.loads(attempt.plan.read_text())["digest"]].append(attempt)
    return found
