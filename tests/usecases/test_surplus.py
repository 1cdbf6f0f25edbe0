"""A database that does not know of everything that was sent does not send it again."""

from pathlib import Path

import pytest
from support.environment import rest_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.cli.app import run

from .conftest import DAY, Billing

FORGET = b"truncate billing_export_origins, billing_export_items, billing_export_runners, billing_export_batches"


@pytest.fixture
def known_elsewhere(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    """An export of another copy of this database, which is forgotten here."""
    add_usage(sql, "co_1", "api_calls", 5)
    assert export().code == 0
    sql.execute(FORGET)


def test_a_clone_of_the_database_sends_nothing_again(
    sql: Connection, stripe: StripeDouble, known_elsewhere: None, export: Billing
) -> None:
    add_usage(sql, "co_2", "api_calls", 7)
    answer = export()
    assert (answer.code, len(stripe.events())) == (3, 1)
    assert (
        "Stripe has 5 api_calls of cus_1 in an hour or day of this window, and this database knows of 0"
        in answer.stderr
    )
    assert "billing reconcile usage" in answer.stderr


@pytest.mark.parametrize("backend", ["events", "stream"])
def test_a_clone_over_rest_sends_nothing_again_by_any_backend(
    sql: Connection, stripe: StripeDouble, known_elsewhere: None, export: Billing, rest: PostgrestDouble,
    monkeypatch: pytest.MonkeyPatch, backend: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("SUPABASE_DB_URL")
    for name, value in rest_environment(rest.url, rest.service_key, stripe.url).items():
        monkeypatch.setenv(name, value)
    answer = export("--backend", backend)
    assert (answer.code, len(stripe.events())) == (3, 1)
    assert "Stripe has 5 api_calls of cus_1" in answer.stderr


def test_a_clone_may_state_whole_totals_again(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    stripe.bulk([], [{"event_name": "seats", "formula": "last"}])
    add_usage(sql, "co_1", "seats", 5)
    for _ in range(2):
        sql.execute(FORGET)
        assert export("--verify", "--verify-for", "0").code == 0
    assert [event["value"] for event in stripe.events()] == ["5", "5"]


@pytest.mark.parametrize("gate", [(), ("--confirm",)])
def test_a_dry_run_shows_the_plan_and_then_the_refusal(
    sql: Connection, known_elsewhere: None, plan: Billing, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, gate: tuple[str, ...], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.delenv("LIVE", raising=False)
    answer = plan(*gate)
    assert (answer.code, answer.document["schema"], answer.document["events"]) == (3, "billing.export/v1", 1)
    assert [line["to_send"] for line in answer.document["lines"]] == ["5"]
    refusal = answer.document["demands"]["refusal"]
    assert refusal.startswith("Stripe has 5 api_calls of cus_1") and refusal in answer.stderr
    saved = tmp_path / "plan.json"
    assert run(["export", "--start", DAY, "--end", DAY, "--plan-out", str(saved), *gate]) == 3
    out, err = capsys.readouterr()
    shown, said = " ".join(out.split()), " ".join(err.split())
    assert "co_1 │ api_calls" in shown and "Refused: Stripe has 5 api_calls of cus_1" in shown
    assert "Compare: billing reconcile usage" in shown and "--expect" not in shown
    assert "Compare: billing reconcile usage" in said
    assert not saved.exists()


def test_in_json_a_refused_run_prints_the_error_alone(known_elsewhere: None, export: Billing) -> None:
    answer = export()
    assert (answer.code, answer.document["schema"], answer.document["exit_code"]) == (3, "billing.error/v1", 3)


def test_a_database_restored_from_a_backup_sends_nothing_again(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_2", "api_calls", 1)
    assert export().code == 0
    add_usage(sql, "co_1", "api_calls", 5)
    assert export().code == 0
    newest = "(select batch_id from billing_export_batches order by opened_at desc limit 1)"
    sql.execute(f"delete from billing_export_items where batch_id = {newest}".encode())
    sql.execute(f"delete from billing_export_batches where batch_id = {newest}".encode())
    sql.execute("update billing_export_batches set opened_at = opened_at - interval '3 hours'")
    assert export().code == 3
    assert len(stripe.events()) == 2


def test_after_a_pause_of_its_own_it_goes_on(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    assert export().code == 0
    sql.execute("update billing_export_batches set opened_at = opened_at - interval '3 days'")
    add_usage(sql, "co_1", "api_calls", 2, minute=9)
    assert export().code == 0
    assert len(stripe.events()) == 2


def test_what_was_sent_before_the_window_of_the_first_export_does_not_stop_it(
    sql: Connection, stripe: StripeDouble, known_elsewhere: None, billing: Billing
) -> None:
    start = "2026-01-01"
    sql.execute("update billing_usage_events set occurred_at = now() - interval '3 days'")
    assert billing("export", "--start", start, "--end", start, "--confirm").code == 0
