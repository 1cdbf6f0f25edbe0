"""Stripe's side from a report that Stripe writes on demand."""

from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import Connection
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.report_reader import StripeReportReader
from billing_cli.domain.errors import BadInput, FoundWrong, Unavailable
from billing_cli.sandbox.stripe_control import ask

from .conftest import Billing
from .test_reconcile import WHEN, classes, payment, record

SPAN = (YESTERDAY - timedelta(days=9), YESTERDAY)


def test_a_report_says_the_same_as_the_lists(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    converted = {"sandbox_settles_in": "usd", "sandbox_exchange_rate": "0.0066"}
    stripe.payments(
        [payment(0), payment(1), payment(2, currency="jpy", metadata=converted), payment(3, currency="kwd")]
    )
    for number in range(1, 4):
        record(sql, number)
    sql.execute("update billing_payments set currency = 'jpy' where payment_intent_id = 'pi_2'")
    lists, report = (billing("reconcile", "payments", *WHEN, *more) for more in ([], ["--from-report"]))
    assert classes(report.document) == classes(lists.document)
    assert classes(report.document) == {
        ("matched", ""): 2,
        ("only_stripe", "unknown_here"): 1,
        ("currency_differs", "currency"): 1,
    }
    assert report.document["source"] == "a report"


def reader(stripe: StripeDouble) -> StripeReportReader:
    return StripeReportReader(StripeConnection("sk_test_1", api_base=stripe.url), sleep=lambda _: None)


def test_it_waits_until_stripe_is_done_and_asks_for_it_once(stripe: StripeDouble, tmp_path: Path) -> None:
    ask(stripe.url, "POST", "settings", {"report_polls": 5})
    waited: list[float] = []
    assert reader(stripe).download(*SPAN, tmp_path / "a.csv", waited.append) == SPAN
    assert len(waited) == 5
    reader(stripe).download(*SPAN, tmp_path / "b.csv", waited.append)
    # The run that is there is over at the first look.
    assert len(waited) == 6
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() != b""


def test_a_report_that_stripe_cannot_write_is_asked_for_anew_once(stripe: StripeDouble, tmp_path: Path) -> None:
    ask(stripe.url, "POST", "settings", {"report_error": "Internal error"})
    with pytest.raises(Unavailable, match="Internal error"):
        reader(stripe).download(*SPAN, tmp_path / "a.csv", lambda _: None)
    asked = [line for line in stripe.log() if line["path"] == "/v1/reporting/report_runs"]
    assert len(asked) == 2


def test_a_download_that_fails_in_passing_is_tried_again(stripe: StripeDouble, tmp_path: Path) -> None:
    stripe.fault(kind="status", status=500, endpoint="/v1/files/", count=2)
    reader(stripe).download(*SPAN, tmp_path / "a.csv", lambda _: None)
    assert (tmp_path / "a.csv").read_text().startswith("balance_transaction_id,")


def test_the_key_goes_to_stripe_only(stripe: StripeDouble) -> None:
    for url in ("https://files.example.com/x", "http://files.stripe.com/x", "https://stripe.com.example.com/x"):
        with pytest.raises(FoundWrong, match="not Stripe"):
            reader(stripe)._check_host(url)
    reader(stripe)._check_host("https://files.stripe.com/v1/files/file_1/contents")


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("invoices", ["--from-report"]),
        ("usage", ["--stripe-csv", "x.csv"]),
        ("payments", ["--stripe-csv", "x", "--from-report"]),
    ],
)
def test_a_source_that_does_not_fit_is_refused(billing: Billing, subject: str, words: list[str]) -> None:
    assert billing("reconcile", subject, *WHEN, *words).code == 2


def test_what_stripe_has_no_data_for_yet_is_in_flight(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    """Reports are there up to the last midnight; a payment a second before it may still find its charge."""
    record(sql, 1)
    last_second = YESTERDAY + timedelta(days=1, seconds=-1)
    sql.execute("update billing_payments set created_at = %s", (last_second,))
    days = ["--start", WHEN[1], "--end", f"{YESTERDAY:%Y-%m-%d}"]
    answer = billing("reconcile", "payments", *days, "--from-report")
    assert (answer.code, classes(answer.document)) == (0, {("in_flight", "edge"): 1})
    with pytest.raises(BadInput, match="has data up to"):
        reader(stripe).download(last_second + timedelta(hours=1), last_second + timedelta(hours=2), Path("x"), print)
