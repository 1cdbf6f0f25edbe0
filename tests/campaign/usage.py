"""The usage that one run of exports has to bring to Stripe."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from support.crash import Slept
from support.usage import add_companies

from campaign.world import Place, World

DAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
SUM, BY_HOUR, LAST = "api_calls", "storage_gb", "seats"
METERS = [
    {"event_name": SUM},
    {"event_name": BY_HOUR, "event_time_window": "hour", "customer_key": "cust", "value_key": "gb"},
    {"event_name": LAST, "formula": "last"},
]


class Scene(Place):
    """Companies, and usage of theirs."""

    def __init__(self, world: World, db_url: str, dice: random.Random) -> None:
        super().__init__(world, db_url, Slept(stands_still=dice.random() < 0.3))
        self._dice = dice
        self._companies, self._hours = dice.randint(2, 10), dice.randint(1, 12)
        with self.sql() as sql:
            self.stripe.bulk(add_companies(sql, self._companies), METERS)
        self.add_usage(dice.randint(20, 400))

    def add_usage(self, rows: int) -> None:
        """Rows anywhere in the day; some of them negative, so that totals shrink too."""
        with self.sql() as sql, sql.cursor() as cursor:
            cursor.executemany(
                "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, %s, %s)",
                [self._row() for _ in range(rows)],
            )

    def _row(self) -> tuple[str, str, Decimal, datetime]:
        dice = self._dice
        meter = dice.choice((SUM, SUM, BY_HOUR, LAST))
        quantity = Decimal(dice.randint(-50 if dice.random() < 0.1 and meter != LAST else 1, 5000)) / 100
        moment = DAY + timedelta(hours=dice.randrange(self._hours), seconds=dice.randrange(3600))
        return f"co_{dice.randint(1, self._companies)}", meter, quantity, moment


@contextmanager
def scene_in(world: World, dice: random.Random) -> Iterator[Scene]:
    """A scene in a database of its own."""
    with world.database() as db_url:
        scene = Scene(world, db_url, dice)
        try:
            yield scene
        finally:
            scene.close()
