"""`adjust … credit --as credit-grant`: what Stripe gets, what is kept here, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.sandbox.stripe_control import ask

from .conftest import Billing

GRANT = [
    "adjust",
    "co_1",
    "credit",
    "--amount",
    "50",
    "--currency",
    "usd",
    "--reason",
    "Slow API",
    "--as",
    "credit-grant",
]
GRANTS = "billing.credit_grant"


def test_the_grant_is_made_once_and_is_an_adjustment(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    plan = billing(*GRANT)
    assert (plan.code, stripe.objects(GRANTS)) == (0, [])
    facts = plan.document["actions"][0]["facts"]
    assert (facts["as"], facts["for"], facts["expires"]) == ("credit-grant", "all metered prices", "never")
    done = billing(*GRANT, "--confirm")
    (intent,) = done.document["intents"]
    (grant,) = stripe.objects(GRANTS)
    assert (done.code, intent["kind"], intent["stripe_object_id"]) == (0, "credit_grant", grant["id"])
    assert grant["amount"]["monetary"] == {"value": 5000, "currency": "usd"}
    assert (grant["customer"], grant["category"], grant["name"]) == ("cus_1", "promotional", "Slow API")
    assert grant["applicability_config"] == {"scope": {"price_type": "metered"}}
    assert grant["metadata"] == {"billing_intent": intent["intent_id"], "company_id": "co_1"}
    rows = sql.execute("select kind::text, amount_minor, reason from billing_adjustments").fetchall()
    assert rows == [("credit_grant", -5000, "Slow API")]
    assert billing(*GRANT, "--confirm").code == 4
    assert len(stripe.objects(GRANTS)) == 1


def test_expiry_and_prices_go_to_stripe_and_into_the_plan_file(
    billing: Billing, stripe: StripeDouble, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    terms = ["--expires", "2099-12-31", "--price", "price_a", "--price", "price_b"]
    facts = billing(*GRANT, *terms, "--plan-out", str(path)).document["actions"][0]["facts"]
    assert (facts["for"], facts["expires"]) == ("price_a, price_b", "2100-01-01T00:00:00+00:00")
    assert json.loads(path.read_text())["request"]["grant"]["prices"] == ["price_a", "price_b"]
    assert billing("apply", str(path), "--confirm").code == 0
    (grant,) = stripe.objects(GRANTS)
    assert grant["expires_at"] == 4_102_444_800
    assert grant["applicability_config"] == {"scope": {"prices": [{"id": "price_a"}, {"id": "price_b"}]}}


def test_the_plan_ends_with_how_it_is_undone_and_stripe_does_so(billing: Billing, stripe: StripeDouble) -> None:
    undo = billing(*GRANT).document["actions"][0]["undo"]
    assert undo["possible"]
    billing(*GRANT, "--confirm")
    (grant,) = stripe.objects(GRANTS)
    path = undo["command"].removeprefix("stripe post ").replace("credgr_…", grant["id"])
    assert path == f"/v1/billing/credit_grants/{grant['id']}/void"
    assert stripe.client().v1.billing.credit_grants.void_grant(grant["id"]).voided_at


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["adjust", "co_1", "charge", *GRANT[3:]], "cannot charge"),
        ([*GRANT, "--invoice", "in_1"], "belongs to the customer"),
        ([*GRANT, "--expires", "2020-01-01"], "is over already"),
        ([*GRANT, "--expires", "tomorrow"], "is not a date"),
        ([*GRANT, "--price", "prod_1"], "no price of Stripe's"),
        ([*GRANT[:-1], "balance", "--expires", "2099-12-31"], "are for credit grants"),
        ([*GRANT[:-2], "--price", "price_a"], "are for credit grants"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    words: list[str], said: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    line = [{"amount": 10_000, "description": "usage"}]
    stripe.invoices([{"id": "in_1", "customer": "cus_1", "status": "open", "currency": "usd", "lines": line}])
    answer = billing(*words, "--confirm")
    assert (answer.code, said in answer.stderr) == (2, True), answer.stderr
    assert sql.execute("select count(*) from billing_intents").fetchone() == (0,)


def test_a_grant_that_somebody_else_made_meanwhile_changes_the_plan(billing: Billing, stripe: StripeDouble) -> None:
    digest = billing(*GRANT).document["digest"]
    v1: Any = stripe.client().v1
    v1.billing.credit_grants.create(
        {
            "customer": "cus_1",
            "amount": {"type": "monetary", "monetary": {"value": 5000, "currency": "usd"}},
            "applicability_config": {"scope": {"price_type": "metered"}},
        }
    )
    assert billing(*GRANT, "--confirm", "--expect", digest).code == 4
    assert billing(*GRANT).document["actions"][0]["facts"]["newest credit grant before"].startswith("credgr_")


def test_without_a_subscription_nothing_would_use_it(billing: Billing, stripe: StripeDouble) -> None:
    (warning,) = billing(*GRANT).document["warnings"]
    assert "has no subscription" in warning
    subscription = {"id": "sub_1", "customer": "cus_1", "status": "active"}
    ask(stripe.url, "POST", "subscriptions", {"subscriptions": [subscription]})
    assert billing(*GRANT).document["warnings"] == []
