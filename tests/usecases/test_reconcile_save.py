"""Saved runs: what is new, still open, and gone beside the last one."""

from datetime import datetime

import pytest
from psycopg import Connection
from support.environment import rest_environment
from support.everything import everything
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble

from billing_cli.cli.app import run

from .conftest import Billing
from .test_reconcile import WHEN, payment, record

SAVE = ["--save", "--confirm"]


@pytest.fixture
def differing(billing: Billing, stripe: StripeDouble, sql: Connection) -> Billing:
    """pi_1 and pi_2 are not here."""
    stripe.payments([payment(n) for n in range(3)])
    record(sql, 0)
    return lambda *words: billing("reconcile", "payments", *WHEN, *words)


def test_the_next_run_tells_what_is_new_still_open_and_gone(
    differing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    first = differing(*SAVE)
    assert first.code == 3
    assert (first.document["kept"]["appeared"], first.document["saved"]) == (2, None)
    record(sql, 1)
    stripe.payments([payment(7)])
    second = differing()
    assert second.document["saved"] | {"saved_at": ""} == {
        "saved_at": "",
        "new": 1,
        "still_open": 1,
        "gone": 1,
        "elsewhere": 0,
        "gone_findings": second.document["saved"]["gone_findings"],
    }
    assert [each["id"] for each in second.document["saved"]["gone_findings"]] == ["pi_1"]
    known = {each["id"]: each["known_since"] is not None for each in second.document["findings"]}
    assert known == {"pi_2": True, "pi_7": False}
    kept = differing(*SAVE).document["kept"]
    assert (kept["different"], kept["appeared"], kept["gone"]) == (2, 1, 1)
    runs = "select different, appeared, gone, actor from billing_reconciliations order by reconciliation_id"
    assert [row[:3] for row in sql.execute(runs)] == [(2, 2, 0), (2, 1, 1)]
    audited = sql.execute("select count(*) from billing_audit_log where action = 'reconcile.saved'").fetchone()
    assert audited == (2,)


def test_what_is_back_is_new_again(differing: Billing, sql: Connection) -> None:
    differing(*SAVE)
    record(sql, 1)
    differing(*SAVE)
    sql.execute("delete from billing_payments where payment_intent_id = 'pi_1'")
    assert (differing().document["saved"]["new"], differing().document["saved"]["still_open"]) == (1, 1)
    differing(*SAVE)
    found = sql.execute("select key, first_seen_at from billing_reconcile_differences")
    times: dict[str, datetime] = dict(found.fetchall())
    assert times["pi_1"] > times["pi_2"]


def test_a_run_that_agrees_closes_what_was_open_in_its_window_only(
    differing: Billing, billing: Billing, sql: Connection
) -> None:
    differing(*SAVE)
    today = billing("reconcile", "payments", "--period", "today", *SAVE)
    if today.code != 2:  # the first hour of a day has no period "today" yet
        assert (today.code, today.document["saved"]["elsewhere"], today.document["kept"]["gone"]) == (0, 2, 0)
    record(sql, 1)
    record(sql, 2)
    answer = differing(*SAVE)
    assert (answer.code, answer.document["kept"]["gone"]) == (0, 2)


@pytest.mark.parametrize(("words", "live", "code"), [(["--save"], True, 3), (SAVE, False, 4), (SAVE[1:], True, 2)])
def test_nothing_is_kept_unless_both_gates_are_open(
    differing: Billing, sql: Connection, monkeypatch: pytest.MonkeyPatch, words: list[str], live: bool, code: int
) -> None:
    monkeypatch.setenv("LIVE", "true" if live else "false")
    before = everything(sql)
    assert differing(*words).code == code
    assert everything(sql) == before


def test_another_set_of_differences_is_another_plan(differing: Billing, sql: Connection) -> None:
    digest = differing("--save").document["digest"]
    record(sql, 1)
    assert differing(*SAVE, "--expect", digest).code == 4
    assert sql.execute("select count(*) from billing_reconciliations").fetchone() == (0,)


def test_it_is_kept_over_rest_too(
    differing: Billing,
    rest: PostgrestDouble,
    stripe: StripeDouble,
    sql: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SUPABASE_DB_URL")
    for name, value in rest_environment(rest.url, rest.service_key, stripe.url).items():
        monkeypatch.setenv(name, value)
    assert run(["--json", "reconcile", "payments", *WHEN, *SAVE]) == 3
    assert sql.execute("select key from billing_reconcile_differences order by 1").fetchall() == [("pi_1",), ("pi_2",)]
