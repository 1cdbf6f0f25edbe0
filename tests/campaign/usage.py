"""The usage that one run of exports has to bring to Stripe."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from support.crash import Slept
from support.usage import Connection, add_companies, customer_of

from campaign.world import Place, World

DAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
SUM, BY_HOUR, LAST = EVENT_NAMES = ("api_calls", "storage_gb", "seats")
METERS = [
    {"event_name": SUM},
    {"event_name": BY_HOUR, "event_time_window": "hour", "customer_key": "cust", "value_key": "gb"},
    {"event_name": LAST, "formula": "last"},
]
_SPARE_CUSTOMERS = 4


class Scene(Place):
    """Companies, and usage of theirs. `customers` are all that Stripe has; `meters` are our names, by event name."""

    def __init__(self, world: World, db_url: str, dice: random.Random, directory: Path) -> None:
        super().__init__(world, db_url, Slept(stands_still=dice.random() < 0.3))
        self._dice = dice
        self.directory = directory
        companies, self._hours = dice.randint(2, 10), dice.randint(1, 12)
        self.customers = [customer_of(number) for number in range(1, companies + _SPARE_CUSTOMERS + 1)]
        self.meters = {name: name for name in EVENT_NAMES}
        self.configure()
        with self.sql() as sql:
            add_companies(sql, companies)
        self.stripe.bulk([{"id": customer} for customer in self.customers], METERS)
        self.add_usage(dice.randint(20, 400))

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "BILLING_CONFIG": str(self._config)}

    @property
    def _config(self) -> Path:
        return self.directory / "billing.toml"

    def configure(self) -> None:
        """Writes billing.toml: the event names of meters that we name otherwise."""
        self._config.write_text(
            "".join(
                f'[meters.{meter}]\nevent_name = "{event_name}"\n'
                for event_name, meter in self.meters.items()
                if meter != event_name
            )
        )

    def add_usage(self, rows: int) -> None:
        """Rows anywhere in the day, of companies that exist; some of them negative, so that totals shrink too."""
        with self.sql() as sql, sql.cursor() as cursor:
            companies = _companies(sql)
            cursor.executemany(
                "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, %s, %s)",
                [self._row(companies) for _ in range(rows)],
            )

    def _row(self, companies: list[str]) -> tuple[str, str, Decimal, datetime]:
        dice = self._dice
        event_name = dice.choice((SUM, SUM, BY_HOUR, LAST))
        quantity = Decimal(dice.randint(-50 if dice.random() < 0.1 and event_name != LAST else 1, 5000)) / 100
        moment = DAY + timedelta(hours=dice.randrange(self._hours), seconds=dice.randrange(3600))
        return dice.choice(companies), self.meters[event_name], quantity, moment


def _companies(sql: Connection) -> list[str]:
    return [company for (company,) in sql.execute("select company_id from billing_companies order by 1").fetchall()]


@contextmanager
def scene_in(world: World, dice: random.Random) -> Iterator[Scene]:
    """A scene in a database and a directory of its own."""
    with world.database() as db_url, TemporaryDirectory() as name:
        scene = Scene(world, db_url, dice, Path(name))
        try:
            yield scene
        finally:
            scene.close()
