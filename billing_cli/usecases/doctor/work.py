"""Work that was begun: what is open, in doubt or unproved, and which of Stripe's windows is about to close."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from billing_cli.domain.doctor import Check, Subject
from billing_cli.domain.verdict import Verdict, failed, passed, warned
from billing_cli.usecases.doctor.facts import Fact

_HOUR_S = 3600
_SOON_S = 6 * _HOUR_S
_SHOWN = 5

Rows = Sequence[Mapping[str, Any]]


def work_checks(work: Fact[dict[str, Any]]) -> list[Check]:
    """`work` as billing_doctor_work_v1 answers."""
    looks: dict[str, Callable[[], Iterator[Verdict]]] = {
        "open-batches": lambda: open_batches(_in_state(work(), "open")),
        "rolling-back": lambda: rolling_back(_in_state(work(), "rolling_back")),
        "open-intents": lambda: open_intents(work()["intents"]),
        "doubtful-items": lambda: doubtful_items(work()["doubtful"]),
        "unverified-batches": lambda: unverified_batches(work()["unverified"]),
        "resend-window": lambda: resend_window(work()["batches"], work()["intents"]),
        "cancel-window": lambda: cancel_window(work()["batches"]),
    }
    return [Check(name, Subject.WORK, look) for name, look in looks.items()]


def open_batches(batches: Rows) -> Iterator[Verdict]:
    """One that is being sent now is no trouble."""
    idle = [batch for batch in batches if not batch["runs"]]
    for batch in idle[:_SHOWN]:
        yield warned(
            f"{batch['batch_id']}, opened {_ago(batch['age_s'])} ago, has {batch['pending']:,} events to send and "
            f"{batch['sending']:,} that may have been sent, and nobody is at it.",
            f"LIVE=true billing batches resume {batch['batch_id']} --confirm",
        )
    if not idle:
        yield passed(f"{len(batches)} being sent now." if batches else "None.")


def rolling_back(batches: Rows) -> Iterator[Verdict]:
    idle = [batch for batch in batches if not batch["runs"]]
    for batch in idle[:_SHOWN]:
        yield warned(
            f"The rollback of {batch['batch_id']} has {batch['cancelling']:,} events left.",
            f"LIVE=true billing batches rollback {batch['batch_id']} --confirm",
        )
    if not idle:
        yield passed(f"{len(batches)} being rolled back now." if batches else "None.")


def open_intents(intents: Rows) -> Iterator[Verdict]:
    idle = [intent for intent in intents if not intent["runs"]]
    for intent in idle[:_SHOWN]:
        yield warned(
            f"The {intent['kind'].replace('_', ' ')} {intent['intent_id']} is {intent['state']}, begun "
            f"{_ago(intent['age_s'])} ago.",
            f"LIVE=true billing intents resume {intent['intent_id']} --confirm",
        )
    yield from _more(idle, "billing intents list --state sending")
    if not idle:
        yield passed(f"{len(intents)} being carried out now." if intents else "None.")


def doubtful_items(found: Rows) -> Iterator[Verdict]:
    for row in found[:_SHOWN]:
        yield failed(
            f"{row['items']:,} events of {row['batch_id']} are {row['state']}.",
            f"billing batches show {row['batch_id']} --state {row['state']}",
        )
    yield from _more(found, "billing batches list --limit 100")
    if not found:
        yield passed("No event of 35 days is ambiguous or missing.")


def unverified_batches(batches: Rows) -> Iterator[Verdict]:
    for batch in batches[:_SHOWN]:
        yield warned(
            f"{batch['batch_id']} is done for {_ago(batch['age_s'])}, and not held against Stripe's totals.",
            f"billing batches verify {batch['batch_id']}",
        )
    yield from _more(batches, "billing batches list --limit 100")
    if not batches:
        yield passed("No batch waits to be held against Stripe's totals.")


def resend_window(batches: Rows, intents: Rows) -> Iterator[Verdict]:
    """What may have been sent can be sent again while Stripe knows its identifier, or its key."""
    waiting = [
        *((b["batch_id"], b["dedup_left_s"], f"batches resume {b['batch_id']}") for b in batches),
        *((i["intent_id"], i["key_left_s"], f"intents resume {i['intent_id']}") for i in intents),
    ]
    closing = [(name, left_s, command) for name, left_s, command in waiting if left_s is not None and left_s < _SOON_S]
    for name, left_s, command in closing[:_SHOWN]:
        step = f"LIVE=true billing {command} --confirm"
        if left_s > 0:
            yield warned(f"{name} can be sent again safely for {_ago(left_s)} more.", f"Now: {step}")
        else:
            yield failed(f"{name} is too old to be sent again: what became of it must be proved.", step)
    if not closing:
        yield passed("Nothing that may have been sent is about to become too old.")


def cancel_window(batches: Rows) -> Iterator[Verdict]:
    """Stripe cancels an event for 24 hours."""
    closing = [b for b in batches if b["cancel_left_s"] is not None and b["cancel_left_s"] < _SOON_S]
    for batch in closing[:_SHOWN]:
        name, left_s = batch["batch_id"], batch["cancel_left_s"]
        step = f"LIVE=true billing batches rollback {name} --confirm"
        if left_s > 0:
            yield warned(f"Events of {name} can be cancelled for {_ago(left_s)} more.", f"Now: {step}")
        else:
            yield failed(f"Events of {name} are too old to be cancelled.", f"{step}, then look at its events.")
    if not closing:
        yield passed("No rollback is about to become too late.")


def _in_state(work: Mapping[str, Any], state: str) -> Rows:
    return [batch for batch in work["batches"] if batch["state"] == state]


def _more(rows: Rows, command: str) -> Iterator[Verdict]:
    if len(rows) > _SHOWN:
        yield warned(f"{len(rows) - _SHOWN:,} more like these.", command)


def _ago(seconds: int) -> str:
    """The largest unit that fits: `3 h`, `12 min`."""
    if seconds >= 48 * _HOUR_S:
        return f"{seconds // (24 * _HOUR_S)} days"
    return f"{seconds // _HOUR_S} h" if seconds >= _HOUR_S else f"{max(seconds, 0) // 60} min"
