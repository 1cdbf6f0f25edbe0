"""A day that passes for everything but a process that sleeps."""

import os
import signal
import time
from multiprocessing.process import BaseProcess

import psutil
from support.crash import Slept
from support.stripe_control import StripeDouble
from support.usage import Connection

# Longer than Stripe keeps identifiers and idempotency keys.
DAY_S = 25 * 3600
_AGED = {
    "billing_export_items": ("first_sent_at", "last_sent_at", "settled_at", "cancel_asked_at"),
    "billing_export_runners": ("seen_at", "expires_at"),
    "billing_intents": ("opened_at", "first_sent_at", "last_sent_at", "claimed_until", "settled_at"),
    "billing_webhook_replays": ("runner_expires_at",),
}
_TOO_LONG_S = 30


def until_asleep(process: BaseProcess) -> None:
    """Waits until the process has stopped itself."""
    give_up_at = time.monotonic() + _TOO_LONG_S
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert process.is_alive(), f"it ended with {process.exitcode} before it came to its step"
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def let_a_day_pass(sql: Connection, stripe: StripeDouble, slept: Slept) -> None:
    """By the database's clock, by Stripe's, and by the clocks that go on while a machine sleeps."""
    for table, columns in _AGED.items():
        sql.execute(f"update {table} set " + ", ".join(f"{name} = {name} - make_interval(secs => {DAY_S})" for name in columns))  # fmt: skip
    slept.add(DAY_S)
    stripe.clock(int(slept.seconds))


def wake(process: BaseProcess) -> int:
    """Lets it go on; its exit code."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)
    process.join(_TOO_LONG_S)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode
