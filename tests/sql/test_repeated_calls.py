"""A gateway may carry a call out twice and return the second answer: nothing is written twice, nothing is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from support.usage import YESTERDAY, Connection, add_companies, add_usage

ACCOUNT = ("acct_1", False)
DAY_END = YESTERDAY.replace(hour=23)
METERS = Jsonb(
    [{"meter": "api_calls", "event_name": "api_calls", "customer_key": "customer", "value_key": "value", "bucket": "hour",
      "aggregation": "sum", "replaces": False, "backend": "events", "unit": 1}]
)  # fmt: skip
WANTED = (*ACCOUNT, YESTERDAY, DAY_END, METERS, None, None, False, False, "hold", None)
NOTHING = Jsonb([])
# Clocks go on between two calls.
CLOCKS = {"now", "runner_silent_s", "runner_left_s", "dedup_left_s", "cancel_left_s", "permit_s", "now_s", "at"}


def call(sql: Connection, function: str, *arguments: Any) -> Any:
    marks = ", ".join(["%s"] * len(arguments))
    row = sql.execute(f"select public.{function}({marks})", arguments).fetchone()
    assert row
    return row[0]


def opened(sql: Connection, batch: str = "b") -> tuple[Any, ...]:
    """The arguments that open the batch."""
    preview = call(sql, "billing_export_preview_v3", *WANTED)
    return (*WANTED, batch, preview["lines_hash"], "digest", "ana")


def started(sql: Connection, outcome: str = "accepted") -> None:
    """The batch with a runner, its items claimed and settled."""
    call(sql, "billing_export_open_v3", *opened(sql))
    call(sql, "billing_batch_acquire_v2", "b", "r", "ana")
    claimed = call(sql, "billing_batch_claim_v2", "b", "r", "ana", "events")["items"]
    results = [{"item_id": item["item_id"], "outcome": outcome, "tries": 1} for item in claimed]
    call(sql, "billing_batch_settle_v1", "b", "r", "ana", Jsonb(results))


def exported(sql: Connection) -> None:
    started(sql)
    call(sql, "billing_batch_finish_v1", "b", "r", "ana")


def rolling_back(sql: Connection) -> None:
    exported(sql)
    call(sql, "billing_rollback_open_v1", *rollback(sql))
    call(sql, "billing_batch_acquire_v2", "b", "q", "ana")


def rollback(sql: Connection) -> tuple[Any, ...]:
    return ("b", NOTHING, call(sql, "billing_rollback_hash_v1", "b", NOTHING), "digest", "ana")


APPROVAL = ("apr_1", "digest", "refund", *ACCOUNT, "ana", "key_a", "bob", "key_b", "signature")


def approval(sql: Connection) -> tuple[Any, ...]:
    row = sql.execute("select to_char(now() + interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SSOF')").fetchone()
    assert row
    return (*APPROVAL, row[0], "bob")


def intents(sql: Connection) -> tuple[Any, ...]:
    intent = {
        "intent_id": "int_1", "kind": "refund", "company_id": "co_1", "subject": "pi_1", "amount_minor": 5,
        "currency": "usd", "in_favour_of_company": False, "request": {}, "reason": "duplicate", "touches": ["pi_1"],
    }  # fmt: skip
    return (*ACCOUNT, "refund", "digest", "ana", Jsonb([intent]), NOTHING)


def intent_claimed(sql: Connection) -> None:
    call(sql, "billing_intents_open_v2", *intents(sql))
    call(sql, "billing_intent_claim_v2", "int_1", "r", "ana")


SETTLED = ("int_1", "r", "ana", "done", "re_1", "pending", "req_1", None, Jsonb({}))


def intent_settled(sql: Connection) -> None:
    intent_claimed(sql)
    call(sql, "billing_intent_settle_v1", *SETTLED)


RUN = {
    "save_key": "k", "subject": "payments", "account": "acct_1", "livemode": False, "start": "2026-10-01Z",
    "end": "2026-11-01Z", "source": "lists", "rows_stripe": 1, "rows_here": 0, "digest": "d",
}  # fmt: skip
DIFFERENCE = {
    "key": "pi_1", "verdict": "missing", "reason": "x", "unit": "usd", "times": 1, "stripe": 5, "here": None,
    "company_id": None, "at_s": 1_790_000_000,
}  # fmt: skip
EVENT = {
    "event_id": "evt_1", "event_type": "invoice.paid", "thin": False, "livemode": False,
    "created_at": "2026-10-01Z", "account_id": "acct_1", "payload": "{}",
}  # fmt: skip


def stored(sql: Connection) -> None:
    call(sql, "billing_webhooks_store_v1", Jsonb([EVENT]), "fetch", "ana")


def event_claimed(sql: Connection) -> None:
    stored(sql)
    call(sql, "billing_webhook_claim_v1", "evt_1", "w")


@dataclass(frozen=True)
class Case:
    """What is there before, and the arguments of the call."""

    before: Callable[[Connection], object]
    arguments: Callable[[Connection], tuple[Any, ...]]


def nothing(sql: Connection) -> None:
    """An empty database will do."""


CASES: dict[str, Case] = {
    "billing_export_open_v3": Case(nothing, opened),
    "billing_batch_others_v1": Case(started, lambda sql: ("b", "r", "ana", Jsonb(["dead"]))),
    "billing_batch_heartbeat_v1": Case(started, lambda sql: ("b", "r")),
    "billing_batch_release_v1": Case(nothing, lambda sql: ("b", ["r"])),
    "billing_batch_finish_v1": Case(started, lambda sql: ("b", "r", "ana")),
    "billing_rollback_open_v1": Case(exported, rollback),
    "billing_rollback_finish_v1": Case(rolling_back, lambda sql: ("b", "q", "ana", NOTHING)),
    "billing_approval_add_v1": Case(nothing, approval),
    "billing_approval_revoke_v1": Case(
        lambda sql: call(sql, "billing_approval_add_v1", *approval(sql)), lambda sql: ("apr_1", "ana")
    ),
    "billing_intents_open_v2": Case(nothing, intents),
    "billing_intent_settle_v1": Case(intent_claimed, lambda sql: SETTLED),
    "billing_intent_follow_v1": Case(intent_settled, lambda sql: ("int_1", "succeeded", None, "ana")),
    "billing_reconcile_save_v1": Case(nothing, lambda sql: (Jsonb(RUN), Jsonb([DIFFERENCE]), "ana")),
    "billing_webhook_replay_open_v1": Case(
        stored, lambda sql: ("rep_1", "https://example.test", False, "digest", "ana", Jsonb(["evt_1"]))
    ),
    "billing_webhook_settle_v1": Case(event_claimed, lambda sql: ("evt_1", "w", "processed")),
}
# What writes and is not among the cases, and why a repetition does no harm.
OTHERS = {
    "billing_restrict_v1": "privileges: the same again is the same",
    "billing_audit_append_v1": "called by other functions only",
    "billing_audit_follow_v1": "a trigger",
    "billing_audit_refuse_change_v1": "a trigger",
    "billing_approvals_guard_v1": "a trigger",
    "billing_batch_give_up_v1": "called by billing_batch_claim_v2 only",
    "billing_approval_use_v1": "called by billing_intents_open_v2 only",
    "billing_adjustment_add_v1": "once for each intent, by a unique key",
    "billing_intent_mirror_v1": "sets amounts; called by other functions only",
    "billing_batch_acquire_v2": "its second answer is the first; another row of the log says that it came again",
    "billing_batch_take_v1": "called by billing_batch_claim_v2 only",
    "billing_batch_claim_v2": "what only the first answer named stays claimed, and is an orphan for the next run",
    "billing_rollback_claim_v1": "as billing_batch_claim_v2",
    "billing_proof_claim_v1": "as billing_batch_claim_v2",
    "billing_batch_settle_v1": "settles nothing more and leaves no second trace, and its answer counts what it settled",
    "billing_proof_apply_v1": "finds the same again; another row of the log says so",
    "billing_intent_claim_v2": "the same claim again; then the intent may have been sent, which is the safe answer",
    "billing_webhook_refund_v1": "called by billing_webhooks_store_v1 only; a status moves forward only",
    "billing_webhook_meter_error_v1": "called by billing_webhooks_store_v1 only; rejects an item once",
    "billing_webhook_effect_v1": "called by billing_webhooks_store_v1 only",
    "billing_webhooks_store_v1": "keeps an event once; a delivery is counted each time, and is not repeated by the program",
    "billing_webhook_claim_v1": "the same claim again; counts one more attempt",
    "billing_webhook_replay_acquire_v1": "the same runner again",
    "billing_webhook_replay_settle_v1": "the same results again; counts one more attempt",
}
# Whatever is volatile may write: functions that only read are declared stable or immutable.
VOLATILE = """
select proname from pg_proc where pronamespace = 'public'::regnamespace and provolatile = 'v'
"""


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: timeless(inner) for name, inner in value.items() if name not in CLOCKS}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def log(sql: Connection) -> list[Any]:
    return sql.execute("select action, subject from billing_audit_log order by audit_id").fetchall()


@pytest.fixture
def usage(sql: Connection) -> Connection:
    add_companies(sql, 2)
    for company in ("co_1", "co_2"):
        add_usage(sql, company, "api_calls", 5)
    return sql


@pytest.mark.parametrize("function", CASES)
def test_the_same_call_again_answers_the_same_and_writes_nothing(function: str, usage: Connection) -> None:
    case = CASES[function]
    case.before(usage)
    arguments = case.arguments(usage)
    first = call(usage, function, *arguments)
    written = log(usage)
    assert timeless(call(usage, function, *arguments)) == timeless(first)
    assert log(usage) == written


def test_every_function_that_may_write_is_a_case_or_has_a_reason(sql: Connection) -> None:
    volatile = {name for (name,) in sql.execute(VOLATILE).fetchall()}
    assert volatile == CASES.keys() | OTHERS.keys()
    assert not CASES.keys() & OTHERS.keys()


def test_a_batch_opened_again_after_it_ended_is_not_opened_a_second_time(usage: Connection) -> None:
    arguments = opened(usage)
    exported(usage)
    before = usage.execute("select * from billing_export_batches").fetchall()
    assert call(usage, "billing_export_open_v3", *arguments) == {"batch_id": "b", "items": 2}
    assert usage.execute("select * from billing_export_batches").fetchall() == before


@pytest.mark.parametrize("place", [-1, -2], ids=["actor", "digest"])
def test_another_call_with_the_same_batch_is_refused(place: int, usage: Connection) -> None:
    arguments = list(opened(usage))
    call(usage, "billing_export_open_v3", *arguments)
    arguments[place] = "another"
    with pytest.raises(psycopg.Error, match="Another batch was opened"):
        call(usage, "billing_export_open_v3", *arguments)


def test_a_runner_that_begins_again_ends_again(usage: Connection) -> None:
    started(usage, "unsent")
    for _ in range(2):
        call(usage, "billing_batch_finish_v1", "b", "r", "ana")
        call(usage, "billing_batch_acquire_v2", "b", "r", "ana")
    assert call(usage, "billing_batch_finish_v1", "b", "r", "ana")["runners"] == 0
    assert [action for action, _ in log(usage)].count("export.finished") == 3


@pytest.mark.parametrize("finished_before", [False, True])
def test_a_runner_that_lost_its_batch_cannot_end_its_run(finished_before: bool, usage: Connection) -> None:
    started(usage, "unsent")
    if finished_before:
        call(usage, "billing_batch_finish_v1", "b", "r", "ana")
        call(usage, "billing_batch_acquire_v2", "b", "r", "ana")
    call(usage, "billing_batch_acquire_v2", "b", "other", "bob", False, None, Jsonb(["r"]))
    with pytest.raises(psycopg.Error, match="This run lost batch b"):
        call(usage, "billing_batch_finish_v1", "b", "r", "ana")
