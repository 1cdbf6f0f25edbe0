"""`billing doctor`: all is well in a healthy set-up, and each check is made to fail."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
from support.environment import KEY, rest_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.adapters.processes import HostProcesses
from billing_cli.cli.app import run
from billing_cli.domain.webhook_event import METER_ERRORS
from billing_cli.usecases.doctor.webhooks import REFUND_EVENTS

from .conftest import Answer, Billing, asking

NOWHERE = "http://127.0.0.1:9"
BATCH = """
insert into billing_export_batches (batch_id, stripe_account_id, livemode, window_start, window_end, state, plan_digest,
  lines_hash, actor, opened_at, finished_at, verified_at)
values (%(id)s, 'acct_1', false, now() - interval '2 days', now() - interval '1 day', %(state)s::text::billing_export_batch_state, 'd', 'h', 'tester',
  now() - interval '3 hours', case when %(state)s::text = 'done' then now() - interval '2 hours' end,
  case when %(verified)s then now() end)
"""
ITEM = """
insert into billing_export_items (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start, quantity,
  usage_rows, stripe_customer_id, event_name, customer_key, value_key, identifier, state, sent_value, event_at,
  first_sent_at)
values (%(id)s, 'acct_1', false, 'co_1', 'api_calls', now() - interval '2 days', 1, 1, 'cus_1', 'api_calls', 'c', 'v',
  %(id)s || '-1', %(state)s, 1, now() - interval '2 days', now() - make_interval(hours => %(hours)s))
"""
INTENT = """
insert into billing_intents (intent_id, stripe_account_id, livemode, command, kind, company_id, subject, amount_minor,
  currency, in_favour_of_company, request, reason, plan_digest, actor, state, claimed_until)
values ('int_1', 'acct_1', false, 'refund', 'refund', 'co_1', 'pi_1', 1, 'usd', true, '{}', 'r', 'd', 'tester', 'open',
  now() + make_interval(secs => %s))
"""
# The server's answer with some of it replaced: what no test server is.
SERVER_SAYS = """
alter function billing_doctor_server_v1() rename to billing_true_server;
create function billing_doctor_server_v1() returns jsonb language sql as
  $$ select public.billing_true_server() || {} $$;
select billing_restrict_v1('billing_doctor_server_v1()');
"""
ROWS_NOT_AN_ARRAY = """
drop function billing_doctor_rows_v1(int);
create function billing_doctor_rows_v1(p_rows int) returns setof int language sql as
  $$ select generate_series(1, p_rows) $$;
select billing_restrict_v1('billing_doctor_rows_v1(int)');
"""


@dataclass(frozen=True)
class Place:
    """The environment and the directory, which a case may break."""

    monkeypatch: pytest.MonkeyPatch
    place: Path

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(name, value)

    def commit_env_file(self) -> None:
        for words in (["init", "-q"], ["add", ".env"]):
            subprocess.run(["git", *words], cwd=self.place, check=True, capture_output=True)


@dataclass(frozen=True)
class World(Place):
    """And Stripe and the database."""

    sql: Connection
    stripe: StripeDouble
    db_url: str

    def client(self) -> sdk.StripeClient:
        return sdk.StripeClient(KEY, base_addresses={"api": self.stripe.url})

    def endpoint(self, **wish: Any) -> None:
        """The one webhook endpoint, anew."""
        for known in self.client().v1.webhook_endpoints.list().data:
            self.client().v1.webhook_endpoints.delete(known.id)
        events = [*REFUND_EVENTS, *METER_ERRORS]
        api_version: Any = sdk.api_version
        self.client().v1.webhook_endpoints.create(
            {"url": f"{NOWHERE}/hook", "enabled_events": events, "api_version": api_version, **wish}  # type: ignore[typeddict-item]
        )

    def disable_endpoint(self) -> None:
        (endpoint,) = self.client().v1.webhook_endpoints.list().data
        self.client().v1.webhook_endpoints.update(endpoint.id, {"disabled": True})

    def batch(self, state: str, item: str, hours: int = 1, verified: bool = False) -> None:
        values = {"id": f"exp_{state}_{item}", "verified": verified, "hours": hours}
        self.sql.execute(BATCH, {**values, "state": state})
        self.sql.execute(ITEM, {**values, "state": item})

    def server_says(self, what: str) -> None:
        self.sql.execute(SERVER_SAYS.format(f"jsonb_build_object({what})"))


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """Complete settings and a private .env; nobody is there to be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIVE", raising=False)
    calm = Place(monkeypatch, tmp_path)
    for name, value in rest_environment(NOWHERE, "test-service-key", NOWHERE, live=False).items():
        calm.set(name, value)
    calm.set("SUPABASE_DB_URL", "postgresql://u:s3cretpw@127.0.0.1:9/db")
    calm.set("STRIPE_PUBLISHABLE_KEY", "pk_test_1")
    calm.set("STRIPE_WEBHOOK_SECRET", "whsec_1")
    calm.set("STRIPE_PRICE_STARTER", "price_starter")
    (tmp_path / ".env").write_text("BILLING_ACTOR=tester\n")
    (tmp_path / ".env").chmod(0o600)
    return calm


@pytest.fixture
def world(
    billing: Billing, place: Place, sql: Connection, stripe: StripeDouble, rest: PostgrestDouble, db_url: str
) -> World:
    """Everything as it should be, over both transports."""
    healthy = World(place.monkeypatch, place.place, sql, stripe, db_url)
    place.monkeypatch.delenv("LIVE", raising=False)
    for name, value in rest_environment(rest.url, rest.service_key, stripe.url, live=False).items():
        healthy.set(name, value)
    healthy.set("SUPABASE_DB_URL", db_url)
    stripe.prices([{"id": "price_starter"}])
    healthy.endpoint()
    sql.execute("update billing_companies set plan_id = 'starter'")
    sql.execute("alter database " + db_url.rsplit("/", 1)[1] + " set timezone to 'UTC'")
    add_usage(sql, "co_1", "api_calls", 1)
    healthy.batch("done", "accepted", verified=True)
    return healthy


@pytest.fixture
def examined(place: Place, capsys: pytest.CaptureFixture[str]) -> Billing:
    """`billing --json` in `place`, where nobody is there to be asked."""
    return asking(capsys)


Arrange = Callable[[World], object]
ENVIRONMENT: dict[str, tuple[str, Callable[[Place], object]]] = {
    "billing-toml": ("fail", lambda w: (w.place / "billing.toml").write_text("[plns]\n")),
    "stripe-key": ("fail", lambda w: w.set("STRIPE_SECRET_KEY", "sk_test_...")),
    "publishable-key": ("fail", lambda w: w.set("STRIPE_PUBLISHABLE_KEY", "pk_live_1")),
    "webhook-secrets": ("fail", lambda w: w.set("STRIPE_WEBHOOK_SECRET", "whsec_...")),
    "plan-prices": ("fail", lambda w: w.set("STRIPE_PRICE_STARTER", "price_...")),
    "database-address": ("fail", lambda w: w.set("SUPABASE_DB_URL", "mysql://127.0.0.1/db")),
    "database-tls": ("warn", lambda w: w.set("SUPABASE_DB_URL", "postgresql://u:p@10.0.0.1/db?sslmode=disable")),
    "audit-file": ("fail", lambda w: w.set("BILLING_AUDIT_FILE", str(w.place))),
    "live-gate": ("warn", lambda w: w.set("LIVE", "true")),
    "sdk-version": ("fail", lambda w: w.monkeypatch.setattr(sdk, "VERSION", "17.0.0")),
    "api-version": ("fail", lambda w: w.set("STRIPE_API_VERSION", "latest")),
    "env-file-private": ("fail", lambda w: (w.place / ".env").chmod(0o604)),
    "env-file-git": ("fail", lambda w: w.commit_env_file()),
    "env-file-live": ("fail", lambda w: (w.place / ".env").write_text("LIVE=true\n")),
}
STRIPE: dict[str, tuple[str, Arrange]] = {
    "stripe-reach": ("fail", lambda w: w.set("STRIPE_API_BASE", NOWHERE)),
    "stripe-clock": ("fail", lambda w: w.stripe.clock(-90)),
    "stripe-mode": ("fail", lambda w: w.stripe.fault(kind="status", status=403, endpoint="/v1/account")),
    "webhook-endpoints": ("fail", lambda w: w.disable_endpoint()),
    "webhook-refunds": ("warn", lambda w: w.endpoint(enabled_events=["refund.created", *METER_ERRORS])),
    "webhook-meter-errors": ("warn", lambda w: w.endpoint(enabled_events=[*REFUND_EVENTS])),
    "webhook-version": ("warn", lambda w: w.endpoint(api_version="2020-08-27")),
    "prices": ("fail", lambda w: w.stripe.prices([{"id": "price_starter", "active": False}])),
    "company-plans": ("fail", lambda w: w.sql.execute("update billing_companies set plan_id = 'gold'")),
    "meters": ("fail", lambda w: (w.place / "billing.toml").write_text('[meters.calls]\nevent_name = "none"\n')),
    "usage-meters": ("fail", lambda w: add_usage(w.sql, "co_1", "other", 1)),
    "usage-times": (
        "warn",
        lambda w: w.sql.execute("insert into billing_usage_events (occurred_at) values ('infinity')"),
    ),
    "company-customers": (
        "fail",
        lambda w: w.sql.execute("update billing_companies set stripe_customer_id = null where company_id = 'co_1'"),
    ),
}
DATABASE: dict[str, tuple[str, Arrange]] = {
    "database-wire": ("fail", lambda w: w.set("SUPABASE_DB_URL", "postgresql://u:p@127.0.0.1:9/db")),
    "database-rest": ("fail", lambda w: w.set("SUPABASE_URL", NOWHERE)),
    "migrations": (
        "fail",
        lambda w: w.sql.execute(
            "update billing_schema_migrations set checksum = 'x' where name like 'migrations/0002%'"
        ),
    ),
    "relation-columns": (
        "fail",
        lambda w: w.sql.execute("alter table billing_invoices alter column total_minor type numeric"),
    ),
    "database-same": ("fail", lambda w: w.server_says("'started_at', pg_backend_pid()::text")),
    "database-writable": (
        "fail",
        lambda w: w.sql.execute(
            "alter database " + w.db_url.rsplit("/", 1)[1] + " set default_transaction_read_only = on"
        ),
    ),
    "database-clock": ("fail", lambda w: w.server_says("'at', now() + interval '2 hours'")),
    "postgres-version": ("fail", lambda w: w.server_says("'version', '14.10', 'version_num', 140010")),
    "time-zone": (
        "warn",
        lambda w: w.sql.execute("alter database " + w.db_url.rsplit("/", 1)[1] + " set timezone to 'Asia/Tokyo'"),
    ),
    "row-cut": ("fail", lambda w: w.sql.execute(ROWS_NOT_AN_ARRAY)),
    "locked-out": ("fail", lambda w: w.sql.execute("grant execute on function billing_batches_list_v1 to anon")),
}
WORK: dict[str, tuple[str, Arrange]] = {
    "open-batches": ("warn", lambda w: w.batch("open", "pending")),
    "rolling-back": ("warn", lambda w: w.batch("rolling_back", "cancelling")),
    "open-intents": ("warn", lambda w: w.sql.execute(INTENT, (-1,))),
    "doubtful-items": ("fail", lambda w: w.batch("done", "ambiguous", verified=True)),
    "unverified-batches": ("warn", lambda w: w.sql.execute("update billing_export_batches set verified_at = null")),
    "resend-window": ("fail", lambda w: w.batch("open", "sending", hours=24)),
    "cancel-window": ("fail", lambda w: w.batch("rolling_back", "cancelling", hours=25)),
}
NETWORK = {**STRIPE, **DATABASE, **WORK}
# What cannot be well where these are not.
COMPANIONS = {
    # The case replaces a function of ours.
    **{name: {"migrations": "fail"} for name in ("database-same", "database-clock", "postgres-version", "row-cut")},
    "webhook-endpoints": {"webhook-refunds": "warn", "webhook-meter-errors": "warn"},
    "resend-window": {"open-batches": "warn"},
    "cancel-window": {"rolling-back": "warn"},
}
ORDER = ["pass", "skip", "warn", "fail"]


def levels(answer: Answer) -> dict[str, str]:
    """Each check's worst verdict."""
    found: dict[str, str] = {}
    for finding in answer.document["findings"]:
        before = found.get(finding["check"], "pass")
        found[finding["check"]] = max(before, finding["level"], key=ORDER.index)
    return found


def test_a_healthy_environment_passes_every_check(billing: Billing, world: World) -> None:
    answer = billing("doctor")
    assert {name: level for name, level in levels(answer).items() if level != "pass"} == {}
    assert (answer.code, answer.document["schema"], answer.document["left_out"]) == (0, "billing.doctor/v1", 0)
    assert set(levels(answer)) == {*ENVIRONMENT, *NETWORK}, "every check has a case below, and every case is a check"


@pytest.mark.parametrize("check", NETWORK)
def test_each_check_fails_alone_and_says_what_to_do(check: str, billing: Billing, world: World) -> None:
    level, arrange = NETWORK[check]
    arrange(world)
    answer = billing("doctor")
    assert set(levels(answer)) == {*ENVIRONMENT, *NETWORK}, "no check is missing"
    assert_told(answer, check, level)


def test_the_audit_file_is_not_made_by_looking(examined: Billing, place: Place) -> None:
    file = place.place / "audit.jsonl"
    place.set("BILLING_AUDIT_FILE", str(file))
    assert levels(examined("doctor", "--offline"))["audit-file"] == "pass"
    assert not file.exists()
    place.set("BILLING_AUDIT_FILE", str(place.place / "missing" / "audit.jsonl"))
    assert levels(examined("doctor", "--offline"))["audit-file"] == "fail"


@pytest.mark.parametrize("check", ENVIRONMENT)
def test_each_check_of_the_environment_fails_alone(check: str, examined: Billing, place: Place) -> None:
    level, arrange = ENVIRONMENT[check]
    arrange(place)
    answer = examined("doctor", "--offline")
    assert set(levels(answer)) == set(ENVIRONMENT), "no check is missing"
    assert_told(answer, check, level)


def assert_told(answer: Answer, check: str, level: str) -> None:
    """This check and its companions are not well, each with a next step; and nothing else."""
    bad = {name: found for name, found in levels(answer).items() if found in ("warn", "fail")}
    assert bad == {check: level, **COMPANIONS.get(check, {})}
    assert answer.code == (3 if "fail" in bad.values() else 0)
    told = [finding for finding in answer.document["findings"] if finding["level"] in ("warn", "fail")]
    assert all(finding["says"] and finding["next_step"] for finding in told)


def test_offline_asks_nobody(examined: Billing) -> None:
    answer = examined("doctor", "--offline")
    assert (answer.code, set(levels(answer).values())) == (0, {"pass"})
    assert answer.document["left_out"] == len(NETWORK)


def test_neither_stripe_nor_the_database_is_there(examined: Billing) -> None:
    answer = examined("doctor")
    found = levels(answer)
    assert (answer.code, set(found)) == (3, {*ENVIRONMENT, *NETWORK})
    assert {name for name, level in found.items() if level == "fail"} == {
        "stripe-reach",
        "database-wire",
        "database-rest",
    }
    assert {found[name] for name in NETWORK} == {"fail", "skip"}
    assert all(found[name] == "pass" for name in ENVIRONMENT)
    said = str(answer.document) + answer.stderr
    assert not any(secret in said for secret in (KEY, "s3cretpw", "whsec_1", "test-service-key"))


def test_nothing_at_all_is_set(examined: Billing, place: Place) -> None:
    for name in [name for name in os.environ if name.startswith(("STRIPE_", "SUPABASE_", "BILLING_"))]:
        place.monkeypatch.delenv(name)
    found = levels(examined("doctor"))
    failed = {name for name, level in found.items() if level == "fail"}
    assert failed == {"stripe-key", "webhook-secrets", "database-address"}
    assert set(found) == {*ENVIRONMENT, *NETWORK}


def test_a_restricted_key_that_may_not_read_the_balance_reaches_stripe_all_the_same(
    billing: Billing, world: World
) -> None:
    world.stripe.fault(kind="status", status=403, endpoint="/v1/balance")
    found = levels(billing("doctor"))
    assert (found["stripe-reach"], found["stripe-clock"], found["stripe-mode"]) == ("pass", "pass", "fail")
    assert found["meters"] == "pass"


def test_a_database_that_did_not_answer_is_not_asked_again(
    billing: Billing, world: World, rest: PostgrestDouble
) -> None:
    rest.faults["billing_doctor_server_v1"] = ["503"]
    found = levels(billing("doctor"))
    assert found["database-rest"] == "fail"
    assert {found[name] for name in (*WORK, "locked-out", "company-plans", "usage-meters")} == {"skip"}


def test_a_database_that_was_never_migrated_is_told_from_one_that_is_away(
    billing: Billing, world: World, plain_db_url: str
) -> None:
    world.monkeypatch.delenv("SUPABASE_URL")
    world.set("SUPABASE_DB_URL", plain_db_url)
    answer = billing("doctor")
    found = levels(answer)
    assert (found["database-wire"], found["database-rest"], found["migrations"]) == ("pass", "skip", "fail")
    (told,) = [finding for finding in answer.document["findings"] if finding["check"] == "migrations"]
    assert told["next_step"] == "billing db migrate --confirm"
    database = [each for each in answer.document["findings"] if each["subject"] in ("database", "work")]
    assert [each["check"] for each in database if each["level"] == "fail"] == ["migrations"]
    assert "First settle migrations." in {each["next_step"] for each in database}
    assert {each["next_step"] for each in database if each["says"].startswith("Not looked at")} == {
        "First settle migrations."
    }


def test_functions_that_are_gone_are_found_though_every_file_is_applied(billing: Billing, world: World) -> None:
    world.monkeypatch.delenv("SUPABASE_URL")
    world.sql.execute("drop function billing_doctor_server_v1()")
    found = levels(billing("doctor"))
    assert (found["migrations"], found["database-clock"]) == ("fail", "skip")


def test_over_rest_alone_the_applied_files_are_known_too(billing: Billing, world: World) -> None:
    world.monkeypatch.delenv("SUPABASE_DB_URL")
    world.sql.execute("delete from billing_schema_migrations where name = 'functions/doctor.sql'")
    found = levels(billing("doctor"))
    assert (found["migrations"], found["database-wire"], found["database-address"]) == ("fail", "skip", "warn")


def test_work_at_hand_is_no_trouble(billing: Billing, world: World) -> None:
    world.batch("open", "pending")
    world.sql.execute(
        "insert into billing_export_runners (batch_id, runner, shares, expires_at) "
        "values ('exp_open_pending', 'r', false, now() + interval '1 minute')"
    )
    world.sql.execute(INTENT, (60,))
    found = levels(billing("doctor"))
    assert (found["open-batches"], found["open-intents"]) == ("pass", "pass")


def test_a_runner_of_this_machine_whose_process_is_gone_is_told_at_once(billing: Billing, world: World) -> None:
    """As after kill -9: its lease is not over yet."""
    world.batch("open", "pending")
    world.sql.execute("update billing_export_batches set plan_digest = repeat('0', 64)")
    here, _, _ = HostProcesses().current().rsplit("/", 2)
    gone = f"{here}/{os.getpid()}/1"
    insert = "insert into billing_export_runners (batch_id, runner, shares, expires_at) values (%s, %s, true, %s)"
    lease = datetime.now(UTC) + timedelta(minutes=1)
    world.sql.execute(insert, ("exp_open_pending", gone, lease))
    resume = "LIVE=true billing batches resume exp_open_pending --confirm"
    (told,) = [each for each in billing("doctor").document["findings"] if each["check"] == "open-batches"]
    assert (told["level"], told["next_step"]) == ("warn", resume)
    assert f"the process of its runner is gone ({gone})" in told["says"]
    shown, listed = billing("batches", "show", "exp_open_pending"), billing("batches", "list")
    (batch,) = [each for each in listed.document["batches"] if each["batch_id"] == "exp_open_pending"]
    assert (shown.document["batch"]["runner_gone"], batch["runner_gone"]) == (True, True)
    assert resume in shown.stderr + str(shown.document)
    world.sql.execute(insert, ("exp_open_pending", HostProcesses().current(), lease))
    assert levels(billing("doctor"))["open-batches"] == "pass"


def test_a_company_without_a_customer_is_a_warning_until_it_uses_something(billing: Billing, world: World) -> None:
    world.sql.execute("insert into billing_companies (company_id) values ('co_new')")
    assert levels(billing("doctor"))["company-customers"] == "warn"
    (world.place / "billing.toml").write_text('[export]\nexpected_skips = ["no_customer"]\n')
    assert levels(billing("doctor"))["company-customers"] == "pass"
    (world.place / "billing.toml").unlink()
    add_usage(world.sql, "co_new", "api_calls", 1)
    assert levels(billing("doctor"))["company-customers"] == "fail"


def test_a_broken_billing_toml_does_not_hide_the_rest(billing: Billing, world: World) -> None:
    (world.place / "billing.toml").write_text("[plns]\n")
    found = levels(billing("doctor"))
    assert {name for name, level in found.items() if level != "pass"} == {"billing-toml"}


def test_a_named_env_file_is_the_one_looked_at(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    other = place.place / "other.env"
    other.write_text("")
    other.chmod(0o640)
    assert run(["--json", "--env-file", str(other), "doctor", "--offline"]) == 0
    assert f"{other} can be read or changed by its group (mode 640)" in capsys.readouterr().out
    assert run(["--env-file", "none.env", "doctor"]) == 78
