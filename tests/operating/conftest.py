"""`billing` as a scheduler runs it: a process with an environment, an exit code and two streams."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.environment import wire_environment
from support.processes import Start, billing_processes
from support.stripe_control import StripeDouble
from support.usage import Connection, add_companies, add_much_usage

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "operating"
EXAMPLES = PAGES / "examples"
TOO_LONG_S = 60
EVENTS = 3 * 2 * 24

Environment = dict[str, str]


def until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + TOO_LONG_S
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.fixture
def environment(db_url: str, sql: Connection, stripe: StripeDouble) -> Environment:
    """Three companies with a day of usage to send, and a gate that is open."""
    stripe.bulk(add_companies(sql, 3), [{"event_name": "api_calls"}, {"event_name": "storage_gb"}])
    add_much_usage(sql, companies=3, hours=24)
    return wire_environment(db_url, stripe.url)


@pytest.fixture
def start(environment: Environment) -> Iterator[Start]:
    """Starts `billing …` in a process of its own."""
    with billing_processes(environment) as begin:
        yield begin
