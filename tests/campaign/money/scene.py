"""The payments, invoices and customers of one run, and what the program's own list has of a wish."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from support.crash import Slept
from support.environment import KEY
from support.usage import add_companies

from campaign.money.wishes import (
    CAPTURED,
    CUSTOMERS,
    OPEN_INVOICES,
    PAID_INVOICES,
    PAYMENTS,
    Desk,
    Wish,
    company_of,
    customer_number,
)
from campaign.world import Place, World

_LINES = [{"amount": CAPTURED, "description": "usage"}]
# The program's own record: what an operator sees in `billing intents list`.
_STATES_SQL = """
select intent_id, state::text from billing_intents where %s in (note, reason) order by opened_at, intent_id
"""


class MoneyScene(Place):
    """A payment paid each of the first invoices; the last invoices are open."""

    def __init__(self, world: World, db_url: str, dice: random.Random, directory: Path) -> None:
        super().__init__(world, db_url, Slept(stands_still=dice.random() < 0.3))
        self.directory, self.desk, self.days = directory, Desk(dice, directory), 0
        self.began_at = time.time()
        with self.sql() as sql:
            self.stripe.bulk(add_companies(sql, CUSTOMERS), [])
            for number in range(PAID_INVOICES + 1, PAID_INVOICES + OPEN_INVOICES + 1):
                sql.execute(
                    "insert into billing_invoices (invoice_id, company_id, status) values (%s, %s, 'open')",
                    (f"in_{number}", company_of(f"in_{number}")),
                )
        numbers = range(1, PAYMENTS + 1)
        self.stripe.payments([{**_owner(f"pi_{n}"), "amount": CAPTURED, "currency": "usd"} for n in numbers])
        self.stripe.invoices([_invoice(n) for n in range(1, PAID_INVOICES + OPEN_INVOICES + 1)])

    def let_a_day_pass(self) -> None:
        self.days += 1
        super().let_a_day_pass()

    def let_minutes_pass(self) -> None:
        """Enough for claims of processes that are gone, and for a kept server error to prove something."""
        with self.sql() as sql:
            sql.execute(
                "update billing_intents set first_sent_at = first_sent_at - interval '2 minutes', "
                "last_sent_at = last_sent_at - interval '2 minutes', "
                "claimed_until = claimed_until - interval '2 minutes'"
            )

    def states(self, wish: Wish) -> list[tuple[str, str]]:
        """Intents of a wish and their states, the latest last."""
        with self.sql() as sql:
            return sql.execute(_STATES_SQL, (wish.name,)).fetchall()

    def refund_in_dashboard(self, payment: str, amount: int) -> None:
        """As a person does it elsewhere; Stripe may refuse it, or its answer be lost."""
        wish = {"payment_intent": payment, "amount": str(amount), "metadata[dashboard]": "yes"}
        with suppress(httpx.HTTPError):
            httpx.post(f"{self.stripe.url}/v1/refunds", data=wish, headers={"Authorization": f"Bearer {KEY}"})


@contextmanager
def scene_in(world: World, dice: random.Random) -> Iterator[MoneyScene]:
    """A scene in a database of its own."""
    with world.database() as db_url, TemporaryDirectory() as directory:
        scene = MoneyScene(world, db_url, dice, Path(directory))
        try:
            yield scene
        finally:
            scene.close()


def _owner(subject: str) -> dict[str, str]:
    return {"id": subject, "customer": f"cus_{customer_number(subject)}"}


def _invoice(number: int) -> dict[str, object]:
    paid = number <= PAID_INVOICES
    payment = {"payment_intent": f"pi_{number}"} if paid else {}
    status = "paid" if paid else "open"
    return {**_owner(f"in_{number}"), "status": status, "currency": "usd", "lines": _LINES, **payment}
