"""The judgement of single checks of `doctor`, from facts."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.doctor import Check, Destinations, EnvFile, Finding, SdkVersions, Subject, WebhookTarget
from billing_cli.domain.errors import Misconfigured, Unavailable
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.migrations import FUNCTIONS, MIGRATION, SqlFile
from billing_cli.domain.verdict import Level, Verdict, passed
from billing_cli.usecases.doctor import environment
from billing_cli.usecases.doctor.catalogue import configured_meters
from billing_cli.usecases.doctor.clocks import same_time
from billing_cli.usecases.doctor.database import DatabaseFacts, Transport, migrations
from billing_cli.usecases.doctor.env_file import kept_from_git
from billing_cli.usecases.doctor.examination import examine
from billing_cli.usecases.doctor.facts import Fact, after
from billing_cli.usecases.doctor.webhooks import delivered_to, in_version, meter_errors_told, refunds_told
from billing_cli.usecases.doctor.work import cancel_window, open_intents, resend_window, unverified_batches

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
ENDPOINT = WebhookTarget("we_1", "https://app.test/hook", True, frozenset(("*",)), None)
FILE = EnvFile(".env", True, 0o600, False, False)


def worst(verdicts: Iterable[Verdict]) -> str:
    return max((verdict.level for verdict in verdicts), key=list(Level).index).value


def told(verdicts: Iterable[Verdict]) -> str:
    return " ".join(f"{verdict.says} {verdict.next_step}" for verdict in verdicts)


def check(name: str, look: Any) -> Check:
    return Check(name, Subject.STRIPE, look)


def levels(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.verdict.level.value) for finding in findings]


def raising(error: Exception) -> Any:
    def look() -> Iterator[Verdict]:
        yield passed("so far")
        raise error

    return look


def test_one_check_that_fails_stops_no_other() -> None:
    away = raising(Unavailable("Stripe cannot be reached.", "Check the network."))
    checks = [
        check("a", away),
        check("b", raising(KeyError("data"))),
        check("c", away),
        check("d", lambda: [passed("")]),
    ]
    findings = examine(checks)
    assert levels(findings) == [("a", "fail"), ("b", "fail"), ("c", "skip"), ("d", "pass")]
    assert "First settle a." in findings[2].verdict.next_step
    assert "KeyError" in findings[1].verdict.says


def test_two_things_that_fail_alike_are_both_told() -> None:
    alike = [raising(Unavailable("The database cannot be reached.")) for _ in range(2)]
    assert levels(examine([check("rest", alike[0]), check("wire", alike[1])])) == [("rest", "fail"), ("wire", "fail")]


def test_a_setting_that_is_refused_twice_is_told_once() -> None:
    refused = [raising(Misconfigured("STRIPE_SECRET_KEY is not set.")) for _ in range(2)]
    checks = [Check("stripe-key", Subject.ENVIRONMENT, refused[0]), check("stripe-reach", refused[1])]
    assert levels(examine(checks)) == [("stripe-key", "fail"), ("stripe-reach", "skip")]


def test_a_fact_is_asked_for_once_even_where_that_fails() -> None:
    asked: list[str] = []

    def load() -> int:
        asked.append("reach")
        raise Unavailable("Stripe cannot be reached.")

    reach = Fact(load)
    depends = after(reach, lambda: asked.append("depends"))
    for fact in (reach, depends, reach, depends):
        with pytest.raises(Unavailable):
            fact()
    assert asked == ["reach"]


@given(st.integers(-10_000, 10_000))
def test_clocks_are_judged_by_how_far_they_are_apart(ahead_s: int) -> None:
    verdicts = list(same_time("Stripe's", NOW + timedelta(seconds=ahead_s), NOW))
    expected = "pass" if abs(ahead_s) <= 5 else "warn" if abs(ahead_s) <= 60 else "fail"
    assert worst(verdicts) == expected
    assert f"{abs(ahead_s):,} s" in verdicts[0].says
    assert expected == "pass" or ("ahead of" in verdicts[0].says) == (ahead_s > 0)


@pytest.mark.parametrize(
    ("tracked", "level"), [(True, "fail"), (False, "pass"), (None, "skip")], ids=["tracked", "untracked", "untold"]
)
def test_git_is_believed_only_where_it_can_tell(tracked: bool | None, level: str) -> None:
    assert worst(kept_from_git(replace(FILE, tracked=tracked))) == level


def test_what_stripe_delivers_and_where() -> None:
    assert worst(delivered_to([], ["whsec_1"])) == "warn"
    assert worst(delivered_to([ENDPOINT], ["whsec_1"])) == "pass"
    assert "not all deliveries" in told(delivered_to([ENDPOINT, ENDPOINT], ["whsec_1"]))
    assert worst(delivered_to([ENDPOINT, ENDPOINT], ["whsec_1", "whsec_2"])) == "pass"
    assert worst(delivered_to([replace(ENDPOINT, url="http://app.test/hook")], ["whsec_1"])) == "warn"
    assert worst(delivered_to([replace(ENDPOINT, url="http://localhost:4242/hook")], ["whsec_1"])) == "pass"


def test_an_endpoints_address_is_shown_without_what_may_be_secret() -> None:
    secret = replace(ENDPOINT, url="https://ana:s3cret@app.test:8443/hook?token=s3cret", api_version="2020-08-27")
    said = told([*delivered_to([secret], ["whsec_1"]), *in_version([secret], "2026-10-28.endive")])
    assert said.count("https://app.test:8443/hook ") == 2
    assert "s3cret" not in said


def test_a_version_is_said_of_endpoints_that_there_are() -> None:
    assert "no endpoint" in told(in_version([], "2026-10-28.endive"))
    assert "default version" in told(in_version([ENDPOINT], "2026-10-28.endive"))


def test_refunds_may_be_told_by_an_event_destination_too() -> None:
    nothing = replace(ENDPOINT, events=frozenset(("invoice.paid",)))
    off = replace(ENDPOINT, enabled=False)
    assert worst(refunds_told([nothing], Fact(lambda: Destinations((), ())))) == "warn"
    assert worst(refunds_told([off], Fact(lambda: Destinations((off,), (ENDPOINT,))))) == "warn"
    assert worst(refunds_told([nothing], Fact(lambda: Destinations((ENDPOINT,), ())))) == "pass"


def test_only_thin_destinations_tell_of_meter_errors() -> None:
    assert worst(meter_errors_told(Destinations((ENDPOINT,), ()))) == "warn"
    assert worst(meter_errors_told(Destinations((), (ENDPOINT,)))) == "pass"


def test_what_a_meter_does_with_events_is_said() -> None:
    meter = StripeMeter("api_calls", True, "sum", "customer", "calls")
    said = told(configured_meters([meter], {}))
    assert "sum of calls by customer" in said
    assert "stands for" not in said
    hourly = told(configured_meters([replace(meter, event_time_window="hour")], {}))
    assert "the last event of an hour stands for all of it" in hourly
    assert "whole days" in told(configured_meters([replace(meter, event_time_window="day")], {}))
    assert "keeps the last value" in told(configured_meters([replace(meter, formula="last")], {}))
    assert worst(configured_meters([replace(meter, formula="count")], {})) == "pass"
    assert worst(configured_meters([replace(meter, active=False)], {})) == "fail"


def batch(**changes: object) -> dict[str, object]:
    return {"batch_id": "exp_1", "age_s": 7200, "dedup_left_s": None, "cancel_left_s": None, **changes}


@pytest.mark.parametrize(
    ("applied", "says", "step"),
    [
        ({}, "Not applied: sql/migrations/0001.sql, sql/functions/a.sql.", "billing db migrate --confirm"),
        ({"functions/a.sql": "x"}, "Not applied: sql/functions/a.sql.", "billing db migrate --confirm"),
        ({"migrations/0001.sql": "x"}, "Edited after it was applied: sql/migrations/0001.sql.", "Restore the file."),
        ({"functions/new.sql": "x"}, "Only the database knows sql/functions/new.sql.", "Use the newer version"),
    ],
)
def test_each_state_of_a_migration_has_its_own_next_step(applied: dict[str, str], says: str, step: str) -> None:
    files = [SqlFile("migrations/0001.sql", MIGRATION, "a"), SqlFile("functions/a.sql", FUNCTIONS, "b")]
    known = {file.name: file.checksum for file in files if applied}
    unused: Fact[Any] = Fact(dict)
    facts = DatabaseFacts(
        Transport(unused, unused), None, None, Fact(lambda: {**known, **applied}), files, unused, unused, unused
    )
    (verdict,) = migrations(facts)
    assert (verdict.level, verdict.says) == (Level.FAIL, says)
    assert verdict.next_step.startswith(step)


@pytest.mark.parametrize(("left_s", "level"), [(None, "pass"), (7 * 3600, "pass"), (3600, "warn"), (0, "fail")])
def test_a_window_is_told_of_before_it_closes(left_s: int | None, level: str) -> None:
    intent = {"intent_id": "int_1", "key_left_s": left_s}
    assert worst(resend_window([batch(dedup_left_s=left_s)], [])) == level
    assert worst(resend_window([], [intent])) == level
    assert worst(cancel_window([batch(cancel_left_s=left_s)])) == level


def test_of_many_the_first_are_named_and_the_rest_counted() -> None:
    verdicts = list(unverified_batches([batch(batch_id=f"exp_{number}") for number in range(12)]))
    assert len(verdicts) == 6
    assert verdicts[-1].says == "7 more like these."
    intents = [
        {"intent_id": "int_1", "kind": "mark_paid", "state": "open", "age_s": 200_000, "runners": [], "gone": []}
    ]
    assert "The mark paid int_1 is open, begun 2 days ago, and nobody is at it." in told(open_intents(intents))


def test_the_tested_sdk_is_the_one_that_is_asked_for() -> None:
    (least, below), text = environment.SDK_TESTED, (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'"stripe>={".".join(map(str, least))},<{".".join(map(str, below))}"' in text


@pytest.mark.parametrize(
    ("version", "level"), [("16.1.0", "pass"), ("16.2.0b1", "pass"), ("16.0.1", "fail"), ("17.0.0", "fail")]
)
def test_another_sdk_is_refused(version: str, level: str) -> None:
    assert worst(environment.sdk_version(SdkVersions(version, "2026-10-28.endive"))) == level


@pytest.mark.parametrize(
    ("pinned", "level"),
    [
        (None, "pass"),
        ("2026-10-28.endive", "pass"),
        ("2025-03-31.basil", "warn"),
        ("2024-06-20", "warn"),
        ("new", "fail"),
    ],
)
def test_another_api_version_is_told_of(pinned: str | None, level: str) -> None:
    assert worst(environment.api_version(pinned, SdkVersions("16.1.0", "2026-10-28.endive"))) == level


def test_the_same_secret_twice_is_no_roll() -> None:
    assert worst(environment.webhook_secrets(["whsec_1", "whsec_1"])) == "fail"
    assert "2 secrets" in told(environment.webhook_secrets(["whsec_1", "whsec_2"]))


def test_an_error_of_billing_toml_is_told_as_it_is() -> None:
    with pytest.raises(Misconfigured, match="no file"):
        list(environment.billing_toml(None, Misconfigured("There is no file x.")))
