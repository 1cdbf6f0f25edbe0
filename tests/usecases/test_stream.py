"""The export over the meter event stream."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.everything import everything
from support.stripe_control import StripeDouble
from support.usage import Connection, add_much_usage, add_usage, owed

from billing_cli import wiring
from billing_cli.adapters.stripe.meter_stream import StripeMeterStreamSender
from billing_cli.cli.app import run
from billing_cli.domain.batch import MeterEvent, SendResult
from billing_cli.domain.ports import Database
from billing_cli.settings import Settings
from billing_cli.usecases.export import ExportPlanner

from .conftest import DAY, Billing

SESSION, STREAM = "/v2/billing/meter_event_session", "/v2/billing/meter_event_stream"
# Three companies, two meters, a day of hours.
EVENTS = 3 * 2 * 24


@pytest.fixture
def usage(sql: Connection, billing: Billing) -> None:
    add_much_usage(sql, companies=3, hours=24)


def calls(stripe: StripeDouble) -> Counter[str]:
    """POST requests by path."""
    return Counter(entry["path"] for entry in stripe.log() if entry["method"] == "POST")


def assert_billed_exactly(sql: Connection, stripe: StripeDouble) -> None:
    assert sorted(stripe.totals()) == sorted((meter, customer, f"{q:f}") for (meter, customer), q in owed(sql).items())
    assert len({event["identifier"] for event in stripe.events()}) == len(stripe.events()) == EVENTS


@pytest.mark.usefixtures("usage")
def test_events_go_in_parcels_of_a_hundred_and_a_second_run_sends_nothing(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    answer = export("--backend", "stream")
    assert (answer.code, [b["accepted"] for b in answer.document["batches"]]) == (0, [EVENTS])
    assert_billed_exactly(sql, stripe)
    assert calls(stripe) == {SESSION: 1, STREAM: 2}
    assert sorted(e["events"] for e in stripe.log() if "events" in e) == [44, 100]
    assert export("--backend", "stream").document["batches"] == []
    # Nor does the other way: what was sent was sent.
    assert export().document["batches"] == []


def test_a_meter_goes_by_the_backend_that_billing_toml_names_unless_the_command_does(
    sql: Connection,
    stripe: StripeDouble,
    plan: Billing,
    export: Billing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "billing.toml").write_text('[meters.storage_gb]\nbackend = "stream"\n')
    monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))
    add_usage(sql, "co_1", "api_calls", 1)
    add_usage(sql, "co_1", "storage_gb", 2)
    assert plan().document["backends"] == {"api_calls": "events", "storage_gb": "stream"}
    overridden = plan("--backend", "events").document
    assert overridden["backends"] == {"api_calls": "events", "storage_gb": "events"}
    assert plan().document["digest"] != overridden["digest"]
    assert export().code == 0
    assert calls(stripe) == {"/v1/billing/meter_events": 1, SESSION: 1, STREAM: 1}
    items = sql.execute("select meter, backend from billing_export_items order by 1").fetchall()
    assert items == [("api_calls", "events"), ("storage_gb", "stream")]


def test_the_plan_says_which_meters_go_by_stream_and_the_next_command_too(
    sql: Connection, billing: Billing, capsys: pytest.CaptureFixture[str]
) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    run(["export", "--start", DAY, "--end", DAY, "--backend", "stream"])
    shown = capsys.readouterr().out
    assert "By stream  api_calls" in shown
    assert "--backend stream --confirm --expect" in shown
    run(["export", "--start", DAY, "--end", DAY])
    assert "By " not in capsys.readouterr().out


def test_a_saved_plan_keeps_its_backend(
    sql: Connection, stripe: StripeDouble, plan: Billing, billing: Billing, tmp_path: Path
) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    file = str(tmp_path / "plan.json")
    assert plan("--backend", "stream", "--plan-out", file).code == 0
    assert billing("apply", file, "--confirm").code == 0
    assert calls(stripe) == {SESSION: 1, STREAM: 1}


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize(("confirm", "live", "code"), [(False, True, 0), (True, False, 4)])
def test_no_session_is_opened_before_both_gates_are(
    confirm: bool,
    live: bool,
    code: int,
    sql: Connection,
    stripe: StripeDouble,
    plan: Billing,
    export: Billing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not live:
        monkeypatch.delenv("LIVE")
    before = everything(sql)
    answer = (export if confirm else plan)("--backend", "stream")
    assert (answer.code, answer.document["events"]) == (code, EVENTS)
    assert {entry["method"] for entry in stripe.log()} == {"GET"}
    assert everything(sql) == before


@pytest.mark.usefixtures("usage")
def test_a_session_that_expires_on_the_way_is_renewed_and_nothing_counts_twice(
    sql: Connection, stripe: StripeDouble, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = StripeMeterStreamSender.send

    async def late(self: StripeMeterStreamSender, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """Between the parcels, a quarter of an hour passes at Stripe, and none here."""
        results = await send(self, parcel)
        stripe.clock(16 * 60)
        return results

    monkeypatch.setattr(StripeMeterStreamSender, "in_flight", 1)
    monkeypatch.setattr(StripeMeterStreamSender, "send", late)
    assert export("--backend", "stream").code == 0
    assert_billed_exactly(sql, stripe)
    assert calls(stripe) == {SESSION: 2, STREAM: 3}
    assert sql.execute("select max(attempts) from billing_export_items").fetchall() == [(2,)]


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_reply", "count": 3},
        {"kind": "status", "status": 500, "commit": True, "count": 3},
        {"kind": "status", "status": 429, "count": 3},
        {"kind": "reset", "count": 3},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_parcels_are_sent_again_and_counted_once(
    fault: dict[str, object], sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    stripe.fault(endpoint=STREAM, **fault)
    assert export("--backend", "stream").code == 0
    assert calls(stripe)[STREAM] == 2 + 3
    assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
def test_an_event_that_stripe_refuses_is_found_and_the_others_are_sent(
    sql: Connection, stripe: StripeDouble, export: Billing, billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = StripeMeterStreamSender.send

    async def spoilt(self: StripeMeterStreamSender, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """No event of ours has a shape that Stripe refuses, so one is given it here."""
        return await send(self, [replace(e, event_name="" if e.item_id == worst else e.event_name) for e in parcel])

    worst = 77
    monkeypatch.setattr(StripeMeterStreamSender, "send", spoilt)
    answer = export("--backend", "stream")
    assert (answer.code, [(b["accepted"], b["rejected"]) for b in answer.document["batches"]]) == (3, [(EVENTS - 1, 1)])
    shown = billing("batches", "show", answer.document["batches"][0]["batch_id"], "--state", "rejected").document
    assert [(item["item_id"], item["error"][:3]) for item in shown["items"]] == [(worst, "400")]
    worst = 0
    assert export("--backend", "stream").code == 0
    assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
def test_a_test_key_has_no_stream_at_stripe_itself_and_is_told_before_anything_is_claimed(
    sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = wiring.export_planner

    def without_sandbox(settings: Settings, database: Database) -> ExportPlanner:
        elsewhere = settings.model_copy(update={"stripe_api_base": None, "stripe_meter_events_base": None})
        return replace(planner(settings, database), has_stream=planner(elsewhere, database).has_stream)

    monkeypatch.setattr(wiring, "export_planner", without_sandbox)
    before = everything(sql)
    for answer in (plan("--backend", "stream"), export("--backend", "stream")):
        assert (answer.code, answer.document["schema"]) == (78, "billing.error/v1")
        assert "live mode only" in answer.stderr
        assert "billing export --backend events" in answer.stderr
    assert {entry["method"] for entry in stripe.log()} == {"GET"}
    assert everything(sql) == before
    assert export().code == 0
