"""Claims from over 23 hours ago: counted, not counted, or not to be told. Stripe does not deduplicate them any more."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb
from support.crash import KILLED, Step, run_billing
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from .conftest import DAY, Billing

EVENTS = "/v1/billing/meter_events"
DAY_S = 25 * 3600
EXPORT = ["--quiet", "export", "--start", DAY, "--end", DAY, "--confirm"]


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 1)
    monkeypatch.setattr("billing_cli.adapters.stripe.reading._TRIES", 1)


def states(sql: Connection) -> list[tuple[str, int]]:
    rows: list[Any] = sql.execute(
        "select state::text, count(*) from billing_export_items group by 1 order by 1"
    ).fetchall()
    return rows


def values(stripe: StripeDouble) -> list[str]:
    return sorted(event["value"] for event in stripe.events())


def age(sql: Connection, stripe: StripeDouble) -> None:
    """A day goes by, for both: a second event under the same identifier would count."""
    sql.execute(
        "update billing_export_items set first_sent_at = first_sent_at - interval '25 hours', "
        "last_sent_at = last_sent_at - interval '25 hours', settled_at = settled_at - interval '25 hours'"
    )
    stripe.clock(DAY_S)


@pytest.fixture
def doubtful(export: Billing, sql: Connection, stripe: StripeDouble) -> Billing:
    """Leaves claims open whose reply never came; `kind` is whether Stripe took them, but for one `value`."""

    def leave(kind: str, value: str | None = None) -> Any:
        stripe.fault(kind=kind, endpoint=EVENTS, probability=1)
        answer = export()
        assert answer.code == 5
        stripe.heal()
        if value:
            stripe.forget(value)
        age(sql, stripe)
        return answer

    return leave


def test_a_claim_that_stripe_counted_is_accepted_and_not_sent_again(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 7)
    add_usage(sql, "co_2", "storage_gb", "0.1", hour=3)
    doubtful("lost_reply")
    answer = export()
    assert (answer.code, states(sql), values(stripe)) == (0, [("accepted", 2)], ["0.1", "7"])


def test_a_claim_that_stripe_did_not_count_is_sent_at_once_under_its_identifier(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 7)
    doubtful("reset")
    answer = export()
    assert (answer.code, states(sql), values(stripe)) == (0, [("accepted", 1)], ["7"])
    assert sql.execute("select identifier from billing_export_items").fetchone() == (stripe.events()[0]["identifier"],)


def test_each_of_several_is_told_by_its_own_value(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    for company, hour, quantity in (("co_1", 0, "1.1"), ("co_1", 1, 2), ("co_2", 0, 3)):
        add_usage(sql, company, "api_calls", quantity, hour=hour)
    doubtful("lost_reply", "2")
    assert values(stripe) == ["1.1", "3"]
    assert (export().code, states(sql), values(stripe)) == (0, [("accepted", 3)], ["1.1", "2", "3"])


def test_what_cannot_be_told_is_ambiguous_with_the_reason_and_never_sent_again(
    sql: Connection, stripe: StripeDouble, export: Billing, billing: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    export()
    add_usage(sql, "co_1", "api_calls", 5)
    doubtful("reset")
    answer = export()
    assert (answer.code, states(sql)) == (3, [("accepted", 1), ("ambiguous", 1)])
    shown = billing("batches", "show", answer.document["batches"][0]["batch_id"], "--state", "ambiguous")
    assert "does not show whether it was counted" in shown.document["items"][0]["error"]
    assert (export().document["batches"], values(stripe)) == ([], ["5"])


def test_an_event_of_another_program_in_the_hour_proves_nothing(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    doubtful("reset")
    stripe.send_as_another("cus_1", "3", int(YESTERDAY.timestamp()))
    assert (export().code, states(sql)) == (3, [("ambiguous", 1)])


def test_a_customer_that_stripe_does_not_have_has_no_total_and_that_is_no_proof(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    sql.execute("update billing_companies set stripe_customer_id = 'cus_gone' where company_id = 'co_1'")
    add_usage(sql, "co_1", "api_calls", 5)
    doubtful("lost_reply")
    assert (export().code, states(sql), values(stripe)) == (3, [("ambiguous", 1)], [])
    error = sql.execute("select error from billing_export_items").fetchone()
    assert error and "lacks the customer" in error[0]


def test_totals_that_cannot_be_read_leave_claims_open(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    doubtful("lost_reply")
    stripe.fault(kind="status", status=503, endpoint="/v1/billing/meters/", probability=1)
    away = export()
    assert (away.code, states(sql)) == (5, [("sending", 1)])
    assert "totals cannot be read" in away.document["batches"][0]["stopped"]
    stripe.heal()
    assert (export().code, states(sql), values(stripe)) == (0, [("accepted", 1)], ["5"])


def test_what_is_new_is_sent_while_totals_cannot_be_read(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    add_usage(sql, "co_2", "api_calls", 6)
    doubtful("reset")
    sql.execute("update billing_export_items set state = 'pending', first_sent_at = null where company_id = 'co_2'")
    stripe.fault(kind="status", status=500, endpoint="/v1/billing/meters/", probability=1)
    assert (export().code, values(stripe)) == (5, ["6"])
    stripe.heal()
    assert (export().code, values(stripe)) == (0, ["5", "6"])


def test_a_total_read_right_after_the_last_try_is_not_trusted(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    doubtful("reset")
    sql.execute("update billing_export_items set last_sent_at = now() - interval '59 minutes'")
    early = export()
    assert (early.code, states(sql), values(stripe)) == (5, [("sending", 1)], [])
    assert "may lag" in early.document["batches"][0]["stopped"]
    sql.execute("update billing_export_items set last_sent_at = now() - interval '61 minutes'")
    assert (export().code, values(stripe)) == (0, ["5"])


def test_what_was_proved_uncounted_long_ago_is_proved_again(
    sql: Connection, stripe: StripeDouble, export: Billing, doubtful: Billing
) -> None:
    """The run that proved it died before it sent, and the total was late."""
    add_usage(sql, "co_1", "api_calls", 5)
    doubtful("lost_reply")
    sql.execute("update billing_export_items set state = 'pending'")
    assert (export().code, states(sql), values(stripe)) == (0, [("accepted", 1)], ["5"])


PLACES = [
    Step("billing_proof_claim_v1", "after"),
    Step("billing_proof_items_v2", "after"),
    Step("billing_batch_settle_v1", "before"),
    Step("billing_batch_settle_v1", "after"),
    Step("send", "before"),
    Step("send", "after"),
]


@pytest.mark.parametrize("step", PLACES, ids=lambda step: f"{step.when} {step.name}")
def test_killed_in_the_middle_of_proving_and_run_again(
    step: Step, sql: Connection, db_url: str, stripe: StripeDouble, doubtful: Billing
) -> None:
    _three_hours(sql)
    doubtful("lost_reply", "2")
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, EXPORT, step) == KILLED
    assert run_billing(environment, EXPORT) == 0
    assert (states(sql), values(stripe)) == ([("accepted", 3)], ["1", "2", "3"])


def test_replies_of_the_database_lost_while_proving(
    sql: Connection, rest: PostgrestDouble, stripe: StripeDouble, doubtful: Billing
) -> None:
    _three_hours(sql)
    doubtful("lost_reply", "2")
    for function in ("billing_proof_claim_v1", "billing_proof_items_v2", "billing_batch_settle_v1"):
        rest.faults[function] = ["lost_reply", "503"]
    environment = rest_environment(rest.url, rest.service_key, stripe.url)
    codes = [run_billing(environment, EXPORT) for _ in range(2)]
    assert codes[-1] == 0, codes
    assert (states(sql), values(stripe)) == ([("accepted", 3)], ["1", "2", "3"])


def test_two_runners_prove_each_claim_once(
    sql: Connection, stripe: StripeDouble, doubtful: Billing, export: Billing
) -> None:
    _three_hours(sql)
    batch = doubtful("lost_reply").document["batches"][0]["batch_id"]
    for runner in ("r1", "r2"):
        sql.execute("select billing_batch_acquire_v2(%s, %s, 'tester', true)", (batch, runner))

    def claim(runner: str) -> set[int]:
        found = sql.execute("select billing_proof_claim_v1(%s, %s, 'tester', 3600, 2)", (batch, runner)).fetchone()
        assert found
        return {item["item_id"] for item in found[0]["items"]}

    first, second = claim("r1"), claim("r2")
    assert (len(first), len(second), first & second) == (2, 1, set())
    # The answer of a runner that lost its claim changes nothing.
    late = [{"item_id": item_id, "outcome": "uncounted"} for item_id in first]
    sql.execute("select billing_batch_release_v1(%s, array['r1'])", (batch,))
    assert claim("r2") == first
    with pytest.raises(Exception, match="lost batch"):
        sql.execute("select billing_batch_settle_v1(%s, 'r1', 'tester', %s)", (batch, Jsonb(late)))
    sql.execute("select billing_batch_release_v1(%s, array['r2'])", (batch,))
    assert (export().code, values(stripe)) == (0, ["1", "2", "3"])


def _three_hours(sql: Connection) -> None:
    for hour, quantity in enumerate((1, 2, 3)):
        add_usage(sql, "co_1", "api_calls", quantity, hour=hour)
