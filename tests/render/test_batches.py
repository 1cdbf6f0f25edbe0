"""What an operator sees of batches, at any width."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, RenderableType

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import BatchRun, BatchSummary, ResumePlan, StopReason
from billing_cli.domain.gate import Gates
from billing_cli.render.batches import (
    BatchView,
    batch_document,
    gone_commands,
    next_commands,
    render_batches,
    render_runs,
)
from billing_cli.render.resume import ResumePlanView

BATCH = BatchSummary(
    batch_id="exp_20261101_0a1b2c3d4e5f",
    state="open",
    stripe_account_id="acct_1",
    livemode=False,
    window_start="2026-11-01T00:00:00+00:00",
    window_end="2026-11-02T00:00:00+00:00",
    actor="someone",
    digest="0" * 64,
    opened_at="2026-11-02T01:00:00+00:00",
    finished_at=None,
    verified_at=None,
    runners=1,
    backends=["events"],
    missing=0,
    cancelling=0,
    cancelled=0,
    runner="host/4026531836/4242/1764000000.25",
    runner_silent_s=3,
    runner_left_s=57,
    pending=1234,
    sending=5,
    accepted=1_000_000,
    rejected=2,
    ambiguous=1,
    dedup_left_s=3600,
    cancel_left_s=0,
)
DONE = replace(BATCH, state="done", pending=0, sending=0, rejected=0, ambiguous=0, runner=None)
ITEM: dict[str, Any] = {
    "company_id": "co_[bold]1",
    "stripe_customer_id": "cus_1",
    "meter": "api_calls",
    "bucket_start": "2026-11-01T13:00:00+00:00",
    "event_at": "2026-11-01T13:00:01+00:00",
    "quantity": "123456789012345",
    "state": "rejected",
    "attempts": 2,
    "request_id": "req_123456789",
    "error": "400: [red]No.",
}
IDENTITY = StripeIdentity("acct_1", livemode=False, key_is_live=False)


def shown(renderable: RenderableType, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(
    "renderable",
    [
        render_batches([BATCH, DONE]),
        BatchView(BATCH, [ITEM]),
        render_runs([BatchRun(BATCH, StopReason.INTERRUPTED)]),
        ResumePlanView(ResumePlan(BATCH, IDENTITY, "0" * 64), Gates(confirm=False, live=False)),
    ],
)
def test_nothing_is_wider_than_the_terminal(renderable: RenderableType, width: int) -> None:
    assert max(map(len, shown(renderable, width).splitlines())) <= width


def test_a_runner_that_is_gone_is_said_with_the_next_command() -> None:
    gone = replace(BATCH, runner_gone=True)
    assert "its process is gone" in " ".join(shown(BatchView(gone, [])).split())
    assert "the process of its runner is gone" in " ".join(shown(render_batches([gone])).split())
    assert gone_commands([BATCH, gone]) == [gone.next_command]


def test_an_item_is_shown_as_it_is() -> None:
    text = shown(BatchView(BATCH, [ITEM]), 160)
    assert all(part in text for part in ("co_[bold]1", "123456789012345", "[red]No.", "req_123456789"))
    assert "silent for 3 s" in text
    assert "test mode" in text
    assert "LIVE" in shown(BatchView(replace(BATCH, livemode=True), []))


def test_a_carried_item_shows_where_it_came_from_and_where_it_counts() -> None:
    carried = {**ITEM, "event_at": "2026-11-15T10:30:00+00:00"}
    assert "2026-11-01 13:00Z → 2026-11-15 10:30Z" in shown(BatchView(BATCH, [carried]), 200)
    assert "→" not in shown(BatchView(BATCH, [ITEM]), 200)


@pytest.mark.parametrize(
    ("batch", "command"),
    [
        (BATCH, f"LIVE=true billing batches resume {BATCH.batch_id} --confirm"),
        (replace(DONE, rejected=1, ambiguous=1), f"billing batches show {BATCH.batch_id} --state rejected"),
        (replace(DONE, ambiguous=1), f"billing batches show {BATCH.batch_id} --state ambiguous"),
        (replace(DONE, missing=1), f"billing batches show {BATCH.batch_id} --state missing"),
        (DONE, f"billing batches verify {BATCH.batch_id}"),
        (replace(DONE, verified_at="2026-11-02T03:00:00+00:00"), f"billing batches show {BATCH.batch_id}"),
    ],
)
def test_the_next_command_follows_from_the_counts(batch: BatchSummary, command: str) -> None:
    assert batch_document(batch)["next_command"] == command


def test_a_run_says_what_is_left_and_why_it_stopped() -> None:
    text = shown(render_runs([BatchRun(BATCH, StopReason.STRIPE_UNREACHABLE)]), 200)
    assert "1,000,000 of 1,001,242 accepted, 2 rejected, 1 ambiguous, 1,239 left  (Stripe cannot be reached)" in text
    assert next_commands([BatchRun(BATCH, None), BatchRun(DONE, None)]) == [BATCH.next_command]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_ids_stay_whole_to_be_copied(width: int) -> None:
    lines = shown(render_batches([BATCH]), width).splitlines()
    assert lines[0].startswith(BATCH.batch_id)
    assert "req_123456789" in shown(BatchView(BATCH, [ITEM]), width)


def test_the_list_says_what_each_batch_covers_and_counts_what_there_is() -> None:
    text = shown(render_batches([BATCH, replace(DONE, cancelled=3)]), 120)
    assert "2026-11-01 00:00Z up to 2026-11-02 00:00Z" in text
    assert "1,234 pending, 5 sending, 1,000,000 accepted, 2 rejected, 1 ambiguous\n" in text
    assert "  1,000,000 accepted, 3 cancelled\n" in text


def test_a_batch_without_items_to_show_has_no_empty_table() -> None:
    assert "company" not in shown(BatchView(BATCH, []))
    assert "found in Stripe's totals" not in shown(BatchView(BATCH, []))
    assert "2026-11-02 03:00Z" in shown(BatchView(replace(DONE, verified_at="2026-11-02T03:00:00+00:00"), []))


def test_resuming_what_is_being_taken_back_points_to_the_rollback() -> None:
    batch = replace(DONE, state="rolling_back", cancelling=2)
    text = shown(ResumePlanView(ResumePlan(batch, IDENTITY, "0" * 64), Gates(confirm=True, live=True)))
    assert f"LIVE=true billing batches rollback {batch.batch_id} --confirm" in text


def test_nothing_is_said_in_words() -> None:
    assert "no batches yet" in shown(render_batches([]))
    assert "Nothing was left" in shown(render_runs([]))
