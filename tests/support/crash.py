"""Runs the command line in a child process, and kills it or puts it to sleep at a chosen step."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any

import time_machine

from billing_cli.cli.commands import COMMANDS

_CONTEXT = multiprocessing.get_context("forkserver")
# So that a child is a fork of a process that has everything imported already.
_PRELOAD = [
    "billing_cli.cli.app",
    *(f"billing_cli.cli.{name.replace('-', '_')}" for name in COMMANDS),
    "billing_cli.wiring",
    "billing_cli.adapters.stripe.reader",
    "billing_cli.adapters.stripe.meter_events",
    "billing_cli.adapters.stripe.meter_stream",
    "billing_cli.adapters.stripe.usage_records",
    "billing_cli.adapters.stripe.subscription_reader",
    "billing_cli.adapters.stripe.ledger_reader",
    "billing_cli.adapters.stripe.event_canceller",
    "billing_cli.adapters.stripe.money_mover",
    "billing_cli.adapters.stripe.money_reader",
    "billing_cli.adapters.database.postgres",
    "billing_cli.adapters.processes",
    "billing_cli.render.export",
    "billing_cli.render.money_plan",
    "billing_cli.render.rollback",
    "billing_cli.usecases.audit",
    "billing_cli.cli.observer",
    "aiohttp",
    # What stripe-python and typer import at the first call only.
    *(
        f"stripe._{name}"
        for name in (
            *("account", "account_service", "balance", "balance_service", "oauth", "person", "customer"),
            *("customer_service", "customer_balance_transaction", "customer_balance_transaction_service"),
            *("credit_note", "credit_note_service", "credit_note_line_item", "invoice_item", "invoice_item_service"),
            *("invoice_line_item", "invoice_service", "refund_service", "subscription_service", "telemetry_id"),
        )
    ),
    "typer._adapters",
]
_CONTEXT.set_forkserver_preload(_PRELOAD)
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Step:
    """The `nth` time `name` is called; `when` is before or after. SIGSTOP puts the process to sleep there.

    A function of the database may be named without its version.
    """

    name: str
    when: str = "before"
    nth: int = 1
    signal: int = signal.SIGKILL


class Slept:
    """The seconds that a child has slept by the clocks that go on meanwhile: a test's sleep of a day takes none.

    `stands_still`: the monotonic clock does not go on, as in a virtual machine that was paused; the wall clock does.
    """

    def __init__(self, stands_still: bool = False) -> None:
        self._seconds = _CONTEXT.Value("d", 0.0)
        self._stands_still = stands_still

    @property
    def seconds(self) -> float:
        return float(self._seconds.value)

    def add(self, seconds: float) -> None:
        self._seconds.value += seconds

    def patch_clock(self) -> None:
        from billing_cli.adapters import clock

        now_s = clock.now_s
        if self._stands_still:
            clock.readings = lambda: (now_s(), time.time() + self.seconds)
        else:
            clock.now_s = lambda: now_s() + self.seconds


def run_billing(
    environment: dict[str, str], arguments: list[str], step: Step | None = None, kill_after_s: float | None = None
) -> int:
    """The exit code of `billing …` in a process of its own; -9 if it was killed on the way."""
    child = start_billing(environment, arguments, step)
    child.join(kill_after_s if kill_after_s is not None else 60)
    if child.is_alive():
        assert kill_after_s is not None, "billing hangs"
        child.kill()
        child.join(10)
    assert child.exitcode is not None
    return child.exitcode


def start_billing(
    environment: dict[str, str],
    arguments: list[str],
    step: Step | None = None,
    clock_offset_s: int = 0,
    slept: Slept | None = None,
    stdout: str = os.devnull,
) -> BaseProcess:
    """`billing …` in a process of its own, whose wall clock is off by so much; it has begun when this returns.

    `stdout` is a file that takes its output.
    """
    begun = _CONTEXT.Event()
    child = _CONTEXT.Process(target=_child, args=(begun, environment, arguments, step, clock_offset_s, slept, stdout))
    child.start()
    begun.wait(30)
    return child


def _child(
    begun: Event,
    environment: dict[str, str],
    arguments: list[str],
    step: Step | None,
    clock_offset_s: int,
    slept: Slept | None,
    stdout: str,
) -> None:
    begun.set()
    if slept is not None:
        slept.patch_clock()
    # What is inherited is kept: going through it for garbage would copy all of its memory.
    gc.freeze()
    os.environ.clear()
    os.environ.update(environment)
    with open(os.devnull, "w") as nowhere, open(stdout, "w") as taken:
        os.dup2(taken.fileno(), 1)
        if environment.get("SHOW_STDERR") is None:
            os.dup2(nowhere.fileno(), 2)
    _hurry()
    if step is not None:
        _arm(step)
    from billing_cli.__main__ import main

    sys.argv = ["billing", *arguments]
    if not clock_offset_s:
        main()
    with time_machine.travel(time.time() + clock_offset_s, tick=True):
        main()


def _hurry() -> None:
    """Waits as often as ever, only shorter: death is the subject here, and the real pace has a test of its own."""
    from billing_cli.adapters.stripe import exchange, money_mover, pace

    pace._LEAST_PER_S = 200.0
    exchange._MAX_WAIT_S = 0
    money_mover._FIRST_WAIT_S = 0.02


def _arm(step: Step) -> None:
    from billing_cli.adapters.database.postgres import PostgresDatabase
    from billing_cli.adapters.database.supabase import SupabaseDatabase
    from billing_cli.adapters.stripe.event_canceller import StripeEventCanceller
    from billing_cli.adapters.stripe.meter_events import StripeMeterEventSender
    from billing_cli.adapters.stripe.meter_stream import StripeMeterStreamSender
    from billing_cli.adapters.stripe.money_mover import StripeMoneyMover
    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader
    from billing_cli.adapters.stripe.usage_records import StripeUsageRecordSender

    calls: Counter[str] = Counter()

    def die_if(name: str, when: str, number: int) -> None:
        if step.name in (name, name.rpartition("_v")[0]) and (when, number) == (step.when, step.nth):
            # To this thread, which would go on for a moment if another one took the signal.
            signal.pthread_kill(threading.get_ident(), step.signal)

    create = StripeMoneyMover._create

    def dying_create(self: StripeMoneyMover, intent: Any, permit: Any) -> Any:
        calls["move"] += 1
        number = calls["move"]
        die_if("move", "before", number)
        made = create(self, intent, permit)
        die_if("move", "after", number)
        return made

    standing = StripeMoneyReader.standing

    def dying_standing(self: StripeMoneyReader, *about: Any) -> Any:
        calls["standing"] += 1
        number = calls["standing"]
        die_if("standing", "before", number)
        found = standing(self, *about)
        die_if("standing", "after", number)
        return found

    def dying(call: Any) -> Any:
        def dying_call(self: Any, function: str, **args: object) -> Any:
            calls[function] += 1
            number = calls[function]
            die_if(function, "before", number)
            answer = call(self, function, **args)
            die_if(function, "after", number)
            return answer

        return dying_call

    def dying_sender(send: Any, name: str = "send") -> Any:
        async def dying_send(self: Any, parcel: Any) -> Any:
            calls[name] += 1
            number = calls[name]
            die_if(name, "before", number)
            result = await send(self, parcel)
            die_if(name, "after", number)
            return result

        return dying_send

    StripeMoneyMover._create = dying_create  # type: ignore[method-assign]
    StripeMoneyReader.standing = dying_standing  # type: ignore[method-assign, assignment]
    PostgresDatabase.call = dying(PostgresDatabase.call)  # type: ignore[method-assign]
    SupabaseDatabase.call = dying(SupabaseDatabase.call)  # type: ignore[method-assign]
    StripeMeterEventSender.send = dying_sender(StripeMeterEventSender.send)  # type: ignore[method-assign]
    StripeMeterStreamSender.send = dying_sender(StripeMeterStreamSender.send)  # type: ignore[method-assign]
    StripeUsageRecordSender.send = dying_sender(StripeUsageRecordSender.send)  # type: ignore[method-assign]
    StripeEventCanceller.send = dying_sender(StripeEventCanceller.send, "cancel")  # type: ignore[method-assign]
