"""Work that was begun: what is open, in doubt or unproved, and which of Stripe's windows is about to close."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from billing_cli.domain.doctor import Check, Subject
from billing_cli.domain.ports import Processes
from billing_cli.domain.verdict import Verdict, failed, passed, warned
from billing_cli.usecases.doctor.facts import Fact

_HOUR_S = 3600
_SOON_S = 6 * _HOUR_S
_SHOWN = 5
_LIST_BATCHES = "billing batches list --limit 100"

Row = Mapping[str, Any]
Rows = Sequence[Row]


def work_checks(work: Fact[dict[str, Any]], processes: Processes) -> list[Check]:
    """`work` as billing_doctor_work_v1 answers. A runner of this machine whose process is gone runs nothing."""

    def begun(name: str) -> list[Row]:
        return [_with_gone(row, processes) for row in work()[name]]

    looks: dict[str, Callable[[], Iterator[Verdict]]] = {
        "open-batches": lambda: open_batches(_in_state(begun("batches"), "open")),
        "rolling-back": lambda: rolling_back(_in_state(begun("batches"), "rolling_back")),
        "open-intents": lambda: open_intents(begun("intents")),
        "doubtful-items": lambda: doubtful_items(work()["doubtful"]),
        "unverified-batches": lambda: unverified_batches(work()["unverified"]),
        "resend-window": lambda: resend_window(work()["batches"], work()["intents"]),
        "cancel-window": lambda: cancel_window(work()["batches"]),
    }
    return [Check(name, Subject.WORK, look) for name, look in looks.items()]


def open_batches(batches: Rows) -> Iterator[Verdict]:
    def tell(batch: Row) -> Verdict:
        return warned(
            f"{batch['batch_id']}, opened {_ago(batch['age_s'])} ago, has {batch['pending']:,} events to send and "
            f"{batch['sending']:,} that may have been sent, and {_nobody(batch)}.",
            f"LIVE=true billing batches resume {batch['batch_id']} --confirm",
        )

    return _tell(_idle(batches), tell, _LIST_BATCHES, _fine(batches, "sent"))


def rolling_back(batches: Rows) -> Iterator[Verdict]:
    def tell(batch: Row) -> Verdict:
        return warned(
            f"The rollback of {batch['batch_id']} has {batch['cancelling']:,} events left, and {_nobody(batch)}.",
            f"LIVE=true billing batches rollback {batch['batch_id']} --confirm",
        )

    return _tell(_idle(batches), tell, _LIST_BATCHES, _fine(batches, "rolled back"))


def open_intents(intents: Rows) -> Iterator[Verdict]:
    def tell(intent: Row) -> Verdict:
        return warned(
            f"The {intent['kind'].replace('_', ' ')} {intent['intent_id']} is {intent['state']}, begun "
            f"{_ago(intent['age_s'])} ago, and {_nobody(intent)}.",
            f"LIVE=true billing intents resume {intent['intent_id']} --confirm",
        )

    return _tell(_idle(intents), tell, "billing intents list --state sending", _fine(intents, "carried out"))


def doubtful_items(found: Rows) -> Iterator[Verdict]:
    def tell(row: Row) -> Verdict:
        return failed(
            f"{row['items']:,} events of {row['batch_id']} are {row['state']}.",
            f"billing batches show {row['batch_id']} --state {row['state']}",
        )

    return _tell(found, tell, _LIST_BATCHES, "No event of 35 days is ambiguous or missing.")


def unverified_batches(batches: Rows) -> Iterator[Verdict]:
    def tell(batch: Row) -> Verdict:
        return warned(
            f"{batch['batch_id']} is done for {_ago(batch['age_s'])}, and not held against Stripe's totals.",
            f"billing batches verify {batch['batch_id']}",
        )

    return _tell(batches, tell, _LIST_BATCHES, "No batch waits to be held against Stripe's totals.")


def resend_window(batches: Rows, intents: Rows) -> Iterator[Verdict]:
    """What may have been sent can be sent again while Stripe knows its identifier, or its key."""

    def tell(row: Row) -> Verdict:
        step = f"LIVE=true billing {row['resume']} --confirm"
        if row["left_s"] > 0:
            return warned(f"{row['name']} can be sent again safely for {_ago(row['left_s'])} more.", f"Now: {step}")
        return failed(f"{row['name']} is too old to be sent again: what became of it must be proved.", step)

    waiting = [
        *(
            {"name": b["batch_id"], "left_s": b["dedup_left_s"], "resume": f"batches resume {b['batch_id']}"}
            for b in batches
        ),
        *(
            {"name": i["intent_id"], "left_s": i["key_left_s"], "resume": f"intents resume {i['intent_id']}"}
            for i in intents
        ),
    ]
    fine = "Nothing that may have been sent is about to become too old."
    return _tell(_closing(waiting, "left_s"), tell, "billing intents list --state sending", fine)


def cancel_window(batches: Rows) -> Iterator[Verdict]:
    """Stripe cancels an event for 24 hours."""

    def tell(batch: Row) -> Verdict:
        name, left_s = batch["batch_id"], batch["cancel_left_s"]
        step = f"LIVE=true billing batches rollback {name} --confirm"
        if left_s > 0:
            return warned(f"Events of {name} can be cancelled for {_ago(left_s)} more.", f"Now: {step}")
        return failed(f"Events of {name} are too old to be cancelled.", f"{step}, then look at its events.")

    fine = "No rollback is about to become too late."
    return _tell(_closing(batches, "cancel_left_s"), tell, _LIST_BATCHES, fine)


def _tell(rows: Rows, tell: Callable[[Row], Verdict], rest: str, fine: str) -> Iterator[Verdict]:
    """Of the first rows each, of the others how many; `rest` is the command that shows them."""
    yield from map(tell, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        yield warned(f"{len(rows) - _SHOWN:,} more like these.", rest)
    if not rows:
        yield passed(fine)


def _with_gone(row: Row, processes: Processes) -> Row:
    """`gone` are those of its `runners` whose processes are; the others may live."""
    return {**row, "gone": [runner for runner in row["runners"] if processes.is_alive(runner) is False]}


def _idle(rows: Rows) -> Rows:
    """What a run is at is no trouble."""
    return [row for row in rows if len(row["gone"]) == len(row["runners"])]


def _nobody(row: Row) -> str:
    return f"the process of its runner is gone ({row['gone'][0]})" if row["gone"] else "nobody is at it"


def _fine(rows: Rows, doing: str) -> str:
    return f"{len(rows)} being {doing} now." if rows else "None."


def _closing(rows: Rows, left: str) -> Rows:
    return [row for row in rows if row[left] is not None and row[left] < _SOON_S]


def _in_state(batches: Rows, state: str) -> Rows:
    return [batch for batch in batches if batch["state"] == state]


def _ago(seconds: int) -> str:
    """The largest unit that fits: `3 h`, `12 min`."""
    if seconds >= 48 * _HOUR_S:
        return f"{seconds // (24 * _HOUR_S)} days"
    return f"{seconds // _HOUR_S} h" if seconds >= _HOUR_S else f"{max(seconds, 0) // 60} min"
