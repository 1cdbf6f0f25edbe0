"""Webhooks from delivery to replay: kept once, fetched, compared, handled, sent again."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from stripe import StripeClient
from support.crash import KILLED, Step, run_billing
from support.endpoint import Endpoint, endpoint
from support.environment import rest_environment, wire_environment
from support.everything import everything
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.domain.webhook_signature import signed_header

from .conftest import Answer, Billing

CURRENT, OLDER = "whsec_current", "whsec_older"
SECRETS = f"{CURRENT},{OLDER}"
NOW_S = int(time.time())


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRETS)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Endpoint]:
    """A listening endpoint that billing.toml lists."""
    with endpoint() as listening:
        (tmp_path / "billing.toml").write_text(f'[webhooks]\nreplay_to = ["{listening.url}"]\n')
        monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))
        yield listening


def event(number: int, kind: str = "invoice.paid", age_s: int = 3600, **subject: object) -> dict[str, Any]:
    """As the simulator takes it."""
    about = {"id": f"in_{number % 3}", "object": "invoice", "customer": "cus_1", **subject}
    return {"id": f"evt_{number:04d}", "type": kind, "created": NOW_S - age_s + number, "object": about}


def body_of(wanted: dict[str, Any]) -> bytes:
    document = {
        **wanted,
        "object": "event",
        "livemode": False,
        "api_version": None,
        "data": {"object": wanted["object"]},
    }
    return json.dumps(document, indent=2).encode()


@pytest.fixture
def deliver(billing: Billing, tmp_path: Path) -> Billing:
    """A delivery as it was captured, stored with both gates open unless told otherwise."""

    def store(*words: str, wanted: dict[str, Any], secret: str = CURRENT, confirm: bool = True) -> Answer:
        path, body = tmp_path / "body.json", body_of(wanted)
        path.write_bytes(body)
        header = signed_header(body, secret, NOW_S)
        gate = ["--confirm"] if confirm else []
        return billing("verify-webhook", str(path), "--signature", header, "--at", str(NOW_S), "--store", *gate, *words)

    return store


def fetched(billing: Billing, *words: str) -> Answer:
    return billing("webhooks", "fetch", "--since", "2h", "--confirm", *words)


def handle(sql: Connection, event_id: str, outcome: str, worker: str = "w1") -> None:
    sql.execute("select billing_webhook_claim_v1(%s, %s)", (event_id, worker))
    sql.execute("select billing_webhook_settle_v1(%s, %s, %s, %s)", (event_id, worker, outcome, None))


def test_the_same_event_twice_is_one_row_with_a_count(deliver: Billing, billing: Billing) -> None:
    assert deliver(wanted=event(1)).document["new"] == 1
    assert deliver(wanted=event(1), secret=OLDER).document["again"] == 1
    (kept,) = billing("webhooks", "list").document["events"]
    assert (kept["event_id"], kept["deliveries"], kept["company_id"], kept["state"]) == (
        "evt_0001",
        2,
        "co_1",
        "received",
    )


def test_nothing_unverified_or_unconfirmed_enters(deliver: Billing, sql: Connection, monkeypatch: Any) -> None:
    before = everything(sql)
    assert deliver(wanted=event(1), secret="whsec_wrong").code == 3
    assert deliver("--at", str(NOW_S + 301), wanted=event(1)).code == 3
    assert deliver(wanted=event(1), confirm=False).code == 0
    monkeypatch.delenv("LIVE")
    assert deliver(wanted=event(1)).code == 4
    assert everything(sql) == before


def test_a_live_event_is_refused_beside_a_test_key(deliver: Billing, billing: Billing, tmp_path: Path) -> None:
    body = body_of(event(1)).replace(b'"livemode": false', b'"livemode": true')
    (tmp_path / "live.json").write_bytes(body)
    header = signed_header(body, CURRENT, NOW_S)
    words = ["verify-webhook", str(tmp_path / "live.json"), "--signature", header, "--at", str(NOW_S)]
    assert billing(*words).document["event"]["livemode"] is True
    assert billing(*words, "--store", "--confirm").code == 4


def test_fetch_keeps_every_page_once(billing: Billing, stripe: StripeDouble) -> None:
    stripe.stripe_events([event(n) for n in range(450)])
    planned = billing("webhooks", "fetch", "--since", "2h")
    assert (planned.code, planned.document["to_keep"]) == (0, 450)
    assert fetched(billing).document["new"] == 450
    assert billing("webhooks", "fetch", "--since", "2h", "--confirm").document["new"] == 0
    assert len(billing("webhooks", "list", "--limit", "1000").document["events"]) == 450


def test_fetch_warns_at_the_cliff_and_filters_by_type(billing: Billing, stripe: StripeDouble) -> None:
    stripe.stripe_events([event(1), event(2, kind="charge.failed")])
    answer = billing("webhooks", "fetch", "--since", "29d", "--type", "charge.failed")
    assert answer.document["by_type"] == {"charge.failed": 1}
    assert "forgets the first events" in answer.document["warnings"][0]
    assert "30 days" in billing("webhooks", "fetch", "--since", "40d").document["warnings"][0]


def test_gaps_name_each_kind_and_what_mends_it(
    billing: Billing, stripe: StripeDouble, sql: Connection, deliver: Billing
) -> None:
    stripe.stripe_events([event(n) for n in range(4)])
    assert (
        billing("webhooks", "gaps", "--since", "2h")
        .document["next_command"]
        .startswith("LIVE=true billing webhooks fetch")
    )
    fetched(billing)
    handle(sql, "evt_0000", "processed")
    handle(sql, "evt_0001", "failed")
    sql.execute("update billing_webhooks set received_at = now() - interval '1 hour' where event_id = 'evt_0002'")
    deliver(wanted=event(99))
    stripe.stripe_events([event(50)])
    found = billing("webhooks", "gaps", "--since", "2h")
    kinds = {kind: found.document[kind] for kind in ("missing", "failed", "stuck", "unknown")}
    assert kinds == {"missing": ["evt_0050"], "failed": ["evt_0001"], "stuck": ["evt_0002"], "unknown": ["evt_0099"]}
    assert found.code == 3


def test_events_of_connected_accounts_are_kept_with_it_and_are_not_unknown(
    billing: Billing, stripe: StripeDouble, sql: Connection, deliver: Billing
) -> None:
    """The platform's own list at Stripe never has them."""
    stripe.stripe_events([event(1)])
    fetched(billing)
    deliver(wanted={**event(2), "account": "acct_connected"})
    for event_id in ("evt_0001", "evt_0002"):
        handle(sql, event_id, "processed")
    found = billing("webhooks", "gaps", "--since", "2h")
    assert (found.code, found.document["unknown"], found.document["connected"]) == (0, [], 1)
    listed = billing("webhooks", "list").document["events"]
    assert {each["event_id"]: each["stripe_account_id"] for each in listed} == {
        "evt_0001": None,
        "evt_0002": "acct_connected",
    }
    assert billing("webhooks", "show", "evt_0002").document["event"]["stripe_account_id"] == "acct_connected"
    deliver(wanted={**event(3), "account": "acct_connected"})
    handle(sql, "evt_0003", "failed")
    assert billing("webhooks", "gaps", "--since", "2h").document["failed"] == ["evt_0003"]


def test_no_gaps_exit_0(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    stripe.stripe_events([event(1)])
    fetched(billing)
    handle(sql, "evt_0001", "processed")
    assert billing("webhooks", "gaps", "--since", "2h").code == 0


def test_a_replay_is_in_order_signed_afresh_and_without_our_key(
    billing: Billing, stripe: StripeDouble, hooks: Endpoint
) -> None:
    stripe.stripe_events([event(n) for n in range(30)])
    fetched(billing)
    words = ["webhooks", "replay", "--type", "invoice.*", "--to", hooks.url, "--rate", "0"]
    planned = billing(*words)
    assert (planned.code, len(planned.document["events"]), hooks.requests) == (0, 30, [])
    done = billing(*words, "--confirm")
    assert (done.code, done.document["delivered"], done.document["by_status"]) == (0, 30, {"200": 30})
    got = hooks.verified(CURRENT)
    for invoice in ("in_0", "in_1", "in_2"):
        ids = [e.id for e in got if e.data.object["id"] == invoice]
        assert ids == sorted(ids)
        assert len(ids) == 10
    assert not any("sk_test" in str(headers) or "Authorization" in headers for headers, _ in hooks.requests)
    assert billing("webhooks", "show", "evt_0003").document["event"]["replays"][0]["status_code"] == 200


def test_a_replay_stops_at_a_failure_and_resumes(billing: Billing, stripe: StripeDouble, hooks: Endpoint) -> None:
    stripe.stripe_events([event(n, id="in_same") for n in range(6)])
    fetched(billing)
    hooks.status = lambda body: 500 if b"evt_0002" in body else 200
    stopped = billing("webhooks", "replay", "--since", "2h", "--to", hooks.url, "--rate", "0", "--confirm")
    assert (stopped.code, stopped.document["delivered"], stopped.document["failed"], stopped.document["left"]) == (
        5,
        2,
        1,
        3,
    )
    hooks.status = lambda body: 200
    words = ["webhooks", "replay", "--resume", stopped.document["replay_id"]]
    assert billing(*words).document["events"] == ["evt_0002", "evt_0003", "evt_0004", "evt_0005"]
    done = billing(*words, "--confirm")
    assert (done.code, done.document["delivered"]) == (0, 6)
    assert [json.loads(body)["id"] for _, body in hooks.requests].count("evt_0001") == 1


def test_keep_going_leaves_only_the_failing_object_behind(
    billing: Billing, stripe: StripeDouble, hooks: Endpoint
) -> None:
    stripe.stripe_events([event(n) for n in range(9)])
    fetched(billing)
    hooks.status = lambda body: 302 if b"evt_0000" in body else 200
    done = billing("webhooks", "replay", "--since", "2h", "--to", hooks.url, "--rate", "0", "--keep-going", "--confirm")
    assert (done.document["delivered"], done.document["failed"], done.document["left"]) == (6, 1, 2)
    assert "redirect" in done.document["failures"][0]["error"]
    assert len(hooks.requests) == 7


def test_a_replay_goes_nowhere_else(billing: Billing, stripe: StripeDouble, hooks: Endpoint) -> None:
    stripe.stripe_events([event(1)])
    fetched(billing)
    for url in (hooks.url + "/other", "https://evil.example.net/"):
        answer = billing("webhooks", "replay", "--since", "2h", "--to", url, "--confirm")
        assert answer.code == 4
        assert "replay_to" in answer.stderr
    assert hooks.requests == []
    assert billing("webhooks", "replay", "--to", hooks.url).code == 2
    assert billing("webhooks", "replay", "--event", "evt_none", "--to", hooks.url).code == 2


def test_a_refund_that_fails_later_is_written_down(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 1000, "currency": "usd"}])
    assert billing("refund", "co_1", "pi_1", "--reason", "duplicate", "--confirm").code == 0
    (refund,) = stripe.refunds()
    stripe.refund_status(refund["id"], "failed")
    stored = billing("webhooks", "fetch", "--since", "5m", "--until", "2099-01-01", "--confirm")
    assert [e for e in stored.document["effects"] if "is failed" in e["effect"]]
    row = sql.execute("select stripe_status, (select sum(amount_minor) from billing_adjustments) from billing_intents")
    assert row.fetchone() == ("failed", 0)


def test_a_meter_error_rejects_the_item_it_names(
    export: Billing, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    sql.execute("update billing_companies set stripe_customer_id = 'cus_gone' where company_id = 'co_1'")
    export()
    assert sql.execute("select state::text from billing_export_items").fetchone() == ("accepted",)
    stored = billing("webhooks", "fetch", "--since", "5m", "--until", "2099-01-01", "--confirm")
    assert stored.document["effects"][0]["effect"] == "1 export items are rejected"
    row = sql.execute("select state::text, error from billing_export_items").fetchone()
    assert row == ("rejected", "meter_event_customer_not_found: No such customer: cus_gone")


def test_a_thin_event_that_was_delivered_gets_its_data_from_the_list(
    export: Billing, billing: Billing, sql: Connection
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    sql.execute("update billing_companies set stripe_customer_id = 'cus_gone' where company_id = 'co_1'")
    export()
    thin = {"event_id": "evt_test_00000001", "event_type": "v1.billing.meter.error_report_triggered", "thin": True,
            "livemode": False, "created_at": "2026-11-24T09:00:00Z", "payload": "{}"}  # fmt: skip
    sql.execute("select billing_webhooks_store_v1(%s, 'delivery', 'app')", (Jsonb([thin]),))
    words = ["webhooks", "fetch", "--since", "5m", "--until", "2099-01-01", "--confirm"]
    assert [e["effect"] for e in billing(*words).document["effects"]] == ["1 export items are rejected"]
    assert billing(*words).document["effects"] == []


def test_handlers_claim_and_settle_once(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    stripe.stripe_events([event(1)])
    fetched(billing)

    def claim(worker: str) -> Any:
        row = sql.execute("select billing_webhook_claim_v1('evt_0001', %s) ->> 'claimed'", (worker,)).fetchone()
        return row[0] if row else None

    assert [claim("w1"), claim("w2"), claim("w1")] == ["true", "false", "true"]
    with pytest.raises(psycopg.Error, match="does not hold"):
        sql.execute("select billing_webhook_settle_v1('evt_0001', 'w2', 'processed')")
    with pytest.raises(psycopg.Error, match="processed or failed"):
        sql.execute("select billing_webhook_settle_v1('evt_0001', 'w1', 'done')")
    for _ in range(2):
        sql.execute("select billing_webhook_settle_v1('evt_0001', 'w1', 'processed')")
    assert claim("w2") == "false"
    assert billing("webhooks", "list", "--state", "processed").document["events"][0]["attempts"] == 2


def test_refund_events_out_of_order_never_go_back(sql: Connection, billing: Billing, stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 1000, "currency": "usd"}])
    billing("refund", "co_1", "pi_1", "--reason", "duplicate", "--confirm")
    (refund,) = stripe.refunds()
    for number, status in enumerate(("failed", "pending", "succeeded")):
        wanted = event(number, kind="refund.updated", **{**refund, "status": status})
        row = {**wanted, "event_id": wanted["id"], "event_type": wanted["type"], "thin": False, "livemode": False,
               "created_at": "2026-11-24T09:00:00Z", "payload": body_of(wanted).decode()}  # fmt: skip
        sql.execute("select billing_webhooks_store_v1(%s, 'delivery', 'app')", (Jsonb([row]),))
    assert sql.execute("select stripe_status from billing_intents").fetchone() == ("failed",)


ROOT = Path(__file__).parents[2]


def test_the_worked_example_of_the_contract_works(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], example)
    stripe.stripe_events([event(1), event(2)])
    fetched(billing)
    acted: list[str] = []

    def act(document: dict[str, Any]) -> None:
        acted.append(document["id"])
        if document["id"] == "evt_0002":
            raise ValueError("no such invoice here")

    outcomes = [example["handle"](sql, event_id, "w1", act) for event_id in ("evt_0001", "evt_0001", "evt_0002")]
    assert (outcomes, acted) == (["processed", "left alone", "failed"], ["evt_0001", "evt_0002"])
    (failed,) = billing("webhooks", "list", "--state", "failed").document["events"]
    assert (failed["event_id"], failed["error"]) == ("evt_0002", "no such invoice here")


@pytest.mark.parametrize("how", ["option", "header file", "request", "stdin"])
def test_the_signature_comes_from_where_the_operator_has_it(
    how: str, billing: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (ROOT / "docs" / "stripe_webhook_sample.json").read_bytes()
    header = billing("webhooks", "sign", str(ROOT / "docs" / "stripe_webhook_sample.json")).document["signature"]
    (tmp_path / "head").write_text(f"Host: a\nStripe-Signature: {header}\n")
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "request").write_bytes(
        b"POST /hooks HTTP/1.1\r\nStripe-Signature: " + header.encode() + b"\r\n\r\n" + body
    )
    stdin = (tmp_path / "body").open("rb")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stdin))
    words = {
        "option": [str(tmp_path / "body"), "--signature", header],
        "header file": [str(tmp_path / "body"), "--header-file", str(tmp_path / "head")],
        "request": [str(tmp_path / "request")],
        "stdin": ["-", "--signature", header],
    }
    answer = billing("verify-webhook", *words[how])
    stdin.close()
    assert (answer.code, answer.document["secret_number"]) == (0, 1)
    assert answer.document["event"]["event_id"] == "evt_1SampleRefundUpdated"
    assert CURRENT not in json.dumps(answer.document)


def test_stripe_resends_to_its_own_endpoint(billing: Billing, stripe: StripeDouble) -> None:
    with endpoint() as listening:
        client = StripeClient("sk_test_x", base_addresses={"api": stripe.url})
        made = client.v1.webhook_endpoints.create({"url": listening.url, "enabled_events": ["*"]})
        stripe.stripe_events([event(1, id="in_other")])
        fetched(billing)
        words = ["webhooks", "replay", "--event", "evt_0001", "--via", "stripe", "--endpoint", made.id, "--confirm"]
        assert billing(*words).document["by_status"] == {"200": 1}
        deadline_s = time.monotonic() + 10
        while not listening.requests and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert listening.verified(str(made.secret))[0].id == "evt_0001"
        refused = billing(
            "webhooks", "replay", "--event", "evt_0001", "--via", "stripe", "--endpoint", "we_none", "--confirm"
        )
        assert (refused.code, refused.document["failed"]) == (3, 1)


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        ({"lie": "json", "status": 200, "body": '{"ok": true}'}, "its object is not event"),
        ({"lie": "json", "status": 200, "body": '{"object": "event", "id": "evt_9999"}'}, "id is not evt_0001"),
        ({"lie": "json", "status": 200, "body": "[]"}, "is not Stripe's"),
        ({"lie": "page", "status": 403}, "is not Stripe's"),
    ],
    ids=["another object", "another event", "a list", "a page"],
)
def test_another_answer_to_a_resend_is_no_delivery(
    lie: dict[str, Any], error: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    stripe.stripe_events([event(1)])
    fetched(billing)
    stripe.fault(kind="gateway", endpoint="/v1/events/", method="POST", **lie)
    words = ["webhooks", "replay", "--event", "evt_0001", "--via", "stripe", "--endpoint", "we_1", "--confirm"]
    answer = billing(*words)
    assert (answer.code, answer.document["failed"], answer.document["delivered"]) == (3, 1, 0)
    ((state, found),) = sql.execute("select state::text, error from billing_webhook_replay_items").fetchall()
    assert state == "failed"
    assert error in found


def test_a_killed_replay_is_resumed_in_order(
    billing: Billing, stripe: StripeDouble, sql: Connection, db_url: str, hooks: Endpoint, tmp_path: Path
) -> None:
    stripe.stripe_events([event(n) for n in range(12)])
    fetched(billing)
    environment = {
        **wire_environment(db_url, stripe.url),
        "STRIPE_WEBHOOK_SECRET": SECRETS,
        "BILLING_CONFIG": str(tmp_path / "billing.toml"),
    }
    words = ["webhooks", "replay", "--since", "2h", "--to", hooks.url, "--rate", "0", "--confirm"]
    assert run_billing(environment, words, Step("billing_webhook_replay_settle_v1")) == KILLED
    row = sql.execute("select replay_id from billing_webhook_replays").fetchone()
    assert row
    done = billing("webhooks", "replay", "--resume", row[0], "--confirm")
    assert (done.code, done.document["delivered"], done.document["left"]) == (0, 12, 0)
    first_seen = list(dict.fromkeys(e.id for e in hooks.verified(CURRENT) if e.data.object["id"] == "in_0"))
    assert first_seen == ["evt_0000", "evt_0003", "evt_0006", "evt_0009"]


def test_the_same_works_over_rest(
    billing: Billing, stripe: StripeDouble, rest: PostgrestDouble, hooks: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPABASE_DB_URL")
    for name, value in rest_environment(rest.url, rest.service_key, stripe.url).items():
        monkeypatch.setenv(name, value)
    stripe.stripe_events([event(n) for n in range(5)])
    assert fetched(billing).document["new"] == 5
    assert len(billing("webhooks", "list", "--type", "invoice.*", "--company", "co_1").document["events"]) == 5
    done = billing("webhooks", "replay", "--company", "co_1", "--to", hooks.url, "--rate", "0", "--confirm")
    assert (done.code, done.document["delivered"]) == (0, 5)
    assert billing("webhooks", "show", "evt_0001").document["event"]["replays"][0]["state"] == "delivered"


def test_nothing_to_replay_is_said(billing: Billing, hooks: Endpoint) -> None:
    done = billing("webhooks", "replay", "--state", "failed", "--to", hooks.url, "--confirm")
    assert (done.code, done.document["events"]) == (0, [])


def test_a_second_run_keeps_off_a_replay_at_work(
    billing: Billing, stripe: StripeDouble, sql: Connection, hooks: Endpoint
) -> None:
    stripe.stripe_events([event(1)])
    fetched(billing)
    hooks.status = lambda body: 500
    stopped = billing("webhooks", "replay", "--since", "2h", "--to", hooks.url, "--confirm")
    assert stopped.code == 3
    lease = (
        "update billing_webhook_replays set runner = 'elsewhere/1/1/1', runner_expires_at = now() + interval '1 min'"
    )
    sql.execute(lease)
    words = ["webhooks", "replay", "--resume", stopped.document["replay_id"], "--confirm"]
    assert billing(*words).code == 75
    sql.execute("update billing_webhook_replays set runner_expires_at = now()")
    hooks.status = lambda body: 200
    assert billing(*words).code == 0
