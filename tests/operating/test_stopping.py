"""SIGTERM, as systemd and Kubernetes send it, is a Ctrl-C: what is in flight ends, and the exit code says go on."""

import signal

import pytest
from support.full_disk import fill_disk, tries
from support.processes import Start
from support.stripe_control import StripeDouble
from support.usage import Connection

from .conftest import EVENTS, TOO_LONG_S, until

EXPORT = ["export", "--period", "yesterday", "--confirm"]


def test_sigterm_in_the_middle_of_an_export_ends_in_order_and_the_next_run_goes_on(
    start: Start, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.fault(kind="delay", delay_s=0.5, endpoint="/v1/billing/meter_events")
    stopped = start(*EXPORT)
    until(lambda: len(stripe.events()) > 0)
    stopped.send_signal(signal.SIGTERM)
    _, err = stopped.communicate(timeout=TOO_LONG_S)
    assert stopped.returncode == 5, err
    counts: dict[str, int] = dict(
        sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall()
    )
    assert counts.keys() == {"accepted", "pending"}
    assert counts["accepted"] == len(stripe.events()) < EVENTS
    stripe.heal()
    again = start(*EXPORT)
    _, err = again.communicate(timeout=TOO_LONG_S)
    assert again.returncode == 0, err
    assert len({event["identifier"] for event in stripe.events()}) == EVENTS == len(stripe.events())


@pytest.mark.parametrize("endpoint", ["/v1/account", "/v1/subscriptions"])
def test_sigterm_before_anything_was_sent_is_said_and_ends_with_five(
    endpoint: str, start: Start, stripe: StripeDouble
) -> None:
    stripe.fault(kind="delay", delay_s=1, endpoint=endpoint)
    stopped = start(*EXPORT)
    until(lambda: stripe.hits() > 0)
    stopped.send_signal(signal.SIGTERM)
    _, err = stopped.communicate(timeout=TOO_LONG_S)
    assert stopped.returncode == 5, err
    assert "Interrupted." in err
    assert "Traceback" not in err
    assert stripe.events() == []


def test_sigterm_while_the_database_cannot_write_ends_in_order(
    start: Start, sql: Connection, stripe: StripeDouble
) -> None:
    fill_disk(sql)
    stopped = start(*EXPORT)
    until(lambda: tries(sql) > 0)
    stopped.send_signal(signal.SIGTERM)
    _, err = stopped.communicate(timeout=TOO_LONG_S)
    assert stopped.returncode == 5, err
    assert err.count("The database's disk is full: could not extend file. Trying again for 30 s.") == 1
    assert stripe.events() == []
