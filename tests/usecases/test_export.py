"""What an export sends, skips, holds back and says."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.cli.app import run

from .conftest import Billing


def sent(stripe: StripeDouble) -> list[tuple[str, str, str]]:
    return sorted((e["customer"], e["event_name"], e["value"]) for e in stripe.events())


def skipped(document: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {entry["reason"]: entry["usage_rows"] for entry in document["skipped"]}


def test_usage_of_an_hour_is_one_event_with_the_exact_sum(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    for minute in range(10):
        add_usage(sql, "co_1", "api_calls", "0.1", minute=minute)
    add_usage(sql, "co_1", "api_calls", "3", hour=1)
    add_usage(sql, "co_2", "storage_gb", "0.000000000000001")
    assert export().code == 0
    assert sent(stripe) == [
        ("cus_1", "api_calls", "1"),
        ("cus_1", "api_calls", "3"),
        ("cus_2", "storage_gb", "0.000000000000001"),
    ]


def test_second_run_sends_nothing(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    assert export().code == 0
    again = export()
    assert (again.code, again.document["batches"]) == (0, [])
    assert len([e for e in stripe.log() if e["method"] == "POST"]) == 1


def test_late_rows_are_sent_as_what_is_missing(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    first = export()
    assert first.code == 0, first
    add_usage(sql, "co_1", "api_calls", "2.5", minute=6)
    late = export()
    assert late.document["rows"] == {"window": 2, "to_send": 1, "sent": 1, "skipped": 0}
    assert sent(stripe) == [("cus_1", "api_calls", "2.5"), ("cus_1", "api_calls", "5")]


def test_a_total_that_shrank_is_held_until_allowed(
    sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    export()
    add_usage(sql, "co_1", "api_calls", -2, minute=6)
    held = export()
    assert held.code == 3
    assert held.document["to_mend"] == ["correction"]
    shown = plan("--allow-corrections").document
    assert [line["corrections"] for line in shown["lines"]] == ["-2"]
    assert export("--allow-corrections").code == 0
    assert sent(stripe) == [("cus_1", "api_calls", "-2"), ("cus_1", "api_calls", "5")]


def test_deleted_usage_is_corrected_to_nothing_and_counted_again_when_it_returns(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    export()
    sql.execute("delete from billing_usage_events")
    assert export("--allow-corrections").code == 0
    add_usage(sql, "co_1", "api_calls", 7)
    back = export()
    assert back.document["rows"] == {"window": 1, "to_send": 1, "sent": 0, "skipped": 0}
    assert sum(Decimal(value) for _, _, value in sent(stripe)) == 7


def test_every_row_that_is_not_sent_has_a_reason(sql: Connection, stripe: StripeDouble, plan: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    add_usage(sql, "co_1", "api_calls", None)
    add_usage(sql, "co_1", "api_calls", "NaN")
    add_usage(sql, "co_1", "api_calls", "Infinity")
    add_usage(sql, "co_unknown", "api_calls", 1)
    add_usage(sql, None, "api_calls", 1)  # type: ignore[arg-type]
    add_usage(sql, "co_1", "unmapped", 1)
    add_usage(sql, "co_1", "clicks", 1)
    add_usage(sql, "co_1", "storage_gb", "1234567890.1234567")
    add_usage(sql, "co_3", "api_calls", 2, hour=2)
    add_usage(sql, "co_3", "api_calls", -2, hour=2)
    sql.execute("insert into billing_companies (company_id, name) values ('co_free', 'No customer')")
    add_usage(sql, "co_free", "api_calls", 1)
    document = plan().document
    assert skipped(document) == {
        "bad_quantity": 3,
        "unknown_company": 2,
        "no_meter": 1,
        "meter_formula": 1,
        "too_precise": 1,
        "no_customer": 1,
        "zero_total": 2,
    }
    assert document["rows"] == {"window": 12, "to_send": 1, "sent": 0, "skipped": 11}
    assert any("clicks" in warning for warning in document["warnings"])


def test_rows_older_than_35_days_are_skipped(sql: Connection, stripe: StripeDouble, billing: Billing) -> None:
    old = (datetime.now(UTC) - timedelta(days=40)).date()
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values ('co_1', 'api_calls', 1, %s)",
        (old,),
    )
    answer = billing("export", "--start", str(old), "--end", str(old), "--confirm")
    assert (answer.code, answer.document["to_mend"], stripe.events()) == (3, ["too_old"], [])


def test_rows_on_the_edges_belong_to_exactly_one_window(sql: Connection, plan: Billing) -> None:
    for text in ("23:59:59.999999", "00:00:00", "24:00:00"):
        sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values "
            "('co_1', 'api_calls', 1, date_trunc('day', now(), 'UTC') - interval '1 day' + %s::interval)",
            (text,),
        )
    assert plan().document["rows"]["window"] == 2


def test_expected_skips_do_not_alarm(
    sql: Connection,
    export: Billing,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = f"{tmp_path}/billing.toml"
    with open(config, "w") as file:
        file.write('[export]\nexpected_skips = ["unknown_company"]\n')
    monkeypatch.setenv("BILLING_CONFIG", config)
    add_usage(sql, "co_unknown", "api_calls", 1)
    assert export().code == 0
    add_usage(sql, "co_1", "unmapped", 1)
    assert run(["export", "--period", "yesterday", "--confirm"]) == 3
    # The other row is expected, and not counted among those for a person.
    assert "1 usage row was skipped (no_meter) and needs a person." in capsys.readouterr().out


@pytest.mark.parametrize(("settings", "code"), [("", 0), ('[export]\nfail_on = ["future_rows"]\n', 3)])
def test_warnings_are_on_stderr_and_in_the_result_of_a_live_run(
    sql: Connection,
    stripe: StripeDouble,
    billing: Billing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: str,
    code: int,
) -> None:
    (tmp_path / "billing.toml").write_text(settings)
    monkeypatch.setenv("BILLING_CONFIG", f"{tmp_path}/billing.toml")
    monkeypatch.setenv("LIVE", "true")
    add_usage(sql, "co_1", "api_calls", 7)
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values ('co_1', 'api_calls', 1, 'infinity')"
    )
    assert run(["--json", "--quiet", "export", "--period", "yesterday", "--confirm"]) == code
    out, err = capsys.readouterr()
    warnings = {warning["code"]: warning["fails"] for warning in json.loads(out)["coded_warnings"]}
    assert warnings == {"future_rows": code == 3, "bills_nobody": False}
    assert err.startswith("warning: 1 usage row has an occurred_at in the future")
    assert len(stripe.events()) == 1


@pytest.mark.parametrize("words", [[], ["--period", "outstanding"]])
def test_an_export_without_dates_takes_all_that_stripe_accepts(
    sql: Connection, stripe: StripeDouble, billing: Billing, words: list[str]
) -> None:
    hours = (1, 24 * 20, 24 * 35 - 3, 24 * 35 + 1)
    for number, hour in enumerate(hours, 1):
        sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
            "values ('co_1', 'api_calls', %s, now() - make_interval(hours => %s))",
            (number, hour),
        )
    planned = billing("export", *words)
    assert planned.document["lines"][0]["to_send"] == "6"
    assert planned.document["rows"]["window"] == 3


def test_one_refused_customer_stops_nobody_else_and_is_tried_again_next_time(
    sql: Connection, stripe: StripeDouble, export: Billing, billing: Billing
) -> None:
    for number in (1, 2, 3):
        add_usage(sql, f"co_{number}", "api_calls", number)
    stripe.fault(kind="status", status=400, endpoint="/v1/billing/meter_events", count=1)
    first = export()
    assert first.code == 3
    assert [(b["accepted"], b["rejected"]) for b in first.document["batches"]] == [(2, 1)]
    batch = billing("batches", "show", first.document["batches"][0]["batch_id"], "--state", "rejected")
    assert batch.document["items"][0]["error"].startswith("400")
    assert export().code == 0
    assert sorted(value for _, _, value in sent(stripe)) == ["1", "2", "3"]


def test_stripe_away_leaves_open_claims_that_the_next_run_settles(
    sql: Connection, stripe: StripeDouble, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0.01)
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 2)
    for number in (1, 2, 3):
        add_usage(sql, f"co_{number}", "api_calls", number)
    stripe.fault(kind="reset", endpoint="/v1/billing/meter_events", probability=1)
    away = export()
    assert away.code == 5
    assert [b["sending"] for b in away.document["batches"]] == [3]
    stripe.heal()
    back = export()
    assert (back.code, [b["accepted"] for b in back.document["batches"]]) == (0, [3])
    assert len(sent(stripe)) == 3


def test_a_refused_key_stops_the_run_and_nothing_is_lost(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events", probability=1)
    refused = export()
    assert refused.code == 78
    assert "Traceback" not in refused.stderr
    stripe.heal()
    assert export().code == 0
    assert len(sent(stripe)) == 1


def test_a_plan_that_changed_is_refused(sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    digest = plan().document["digest"]
    add_usage(sql, "co_1", "api_calls", 1, minute=9)
    refused = export("--expect", digest)
    assert (refused.code, stripe.events()) == (4, [])
    assert export("--expect", plan().document["digest"][:16]).code == 0


def test_usage_that_moves_between_plan_and_opening_is_refused_by_the_database(
    sql: Connection, stripe: StripeDouble, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing_cli.usecases import export as usecase

    open_batch = usecase._open_batch

    def late_row(*args: object) -> str:
        add_usage(sql, "co_1", "api_calls", 1, minute=9)
        return open_batch(*args)  # type: ignore[arg-type]

    add_usage(sql, "co_1", "api_calls", 1)
    monkeypatch.setattr(usecase, "_open_batch", late_row)
    assert export().code == 4
    assert sql.execute("select count(*) from billing_export_batches").fetchone() == (0,)


def test_test_mode_says_nothing_about_live_mode(sql: Connection, plan: Billing, export: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    export()
    sql.execute("update billing_export_items set livemode = true")
    assert plan().document["rows"]["to_send"] == 1


def test_ten_times_the_usual_is_a_warning(sql: Connection, billing: Billing, plan: Billing) -> None:
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) select 'co_1', 'api_calls', 1, "
        "date_trunc('day', now(), 'UTC') - make_interval(hours => h) from generate_series(25, 120) h"
    )
    start = (datetime.now(UTC) - timedelta(days=6)).date()
    end = (datetime.now(UTC) - timedelta(days=2)).date()
    assert billing("export", "--start", str(start), "--end", str(end), "--confirm").code == 0
    add_usage(sql, "co_1", "api_calls", 1000)
    assert any("ten times" in warning for warning in plan().document["warnings"])


def test_the_audit_log_tells_the_run_and_cannot_be_changed(sql: Connection, export: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    export()
    rows = sql.execute("select action, actor, previous_hash, hash from billing_audit_log order by audit_id").fetchall()
    assert [row[0] for row in rows] == [
        "export.opened",
        "export.acquired",
        "export.claimed",
        "export.settled",
        "export.finished",
    ]
    assert {row[1] for row in rows} == {"tester"}
    assert [row[2] for row in rows] == ["", *(row[3] for row in rows[:-1])]
    with pytest.raises(Exception, match="append-only"):
        sql.execute("delete from billing_audit_log")
