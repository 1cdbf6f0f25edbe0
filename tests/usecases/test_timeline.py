"""`billing timeline`: all of one company's story, in order, and nobody's name in it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.money import usd
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from billing_cli.cli.app import run
from billing_cli.domain.errors import BadInput
from billing_cli.domain.ports import Database
from billing_cli.domain.timeline import Entry
from billing_cli.usecases import timeline
from billing_cli.usecases.timeline import tell

from .conftest import Billing

CUSTOMER_DATA = ("Jana Novak", "jana@example.org", "4242", "+420 123 456 789", "Dlouha 12", "sk_test_leaked")


def payload(number: int, **more: object) -> str:
    """An event full of what nobody should see."""
    subject = {
        "id": f"ch_{number}",
        "object": "charge",
        "amount": 1250,
        "currency": "usd",
        "status": "succeeded",
        "billing_details": {"name": "Jana Novak", "email": "jana@example.org", "phone": "+420 123 456 789"},
        "payment_method_details": {"card": {"last4": "4242", "exp_year": 2030}},
        "shipping": {"address": {"line1": "Dlouha 12"}},
        "metadata": {"note": "sk_test_leaked"},
        **more,
    }
    return json.dumps({"id": f"evt_{number}", "data": {"object": subject}, "request": {"id": f"req_hook{number}"}})


def add_event(sql: Connection, number: int, body: str, company: str | None = "co_1", customer: str = "cus_1") -> None:
    sql.execute(
        "insert into billing_webhooks (event_id, event_type, thin, livemode, created_at, object_id, stripe_customer_id,"
        " company_id, payload, source, deliveries) "
        "values (%s, 'charge.succeeded', false, false, now() + make_interval(secs => %s), %s, %s, %s, %s, 'fetch', 0)",
        (f"evt_{number}", number, f"ch_{number}", customer, company, body),
    )


@pytest.fixture
def lived(billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble) -> Billing:
    """co_1 has something of every kind."""
    for hour in range(3):
        add_usage(sql, "co_1", "api_calls", "1.50", hour)
        add_usage(sql, "co_2", "api_calls", 7, hour)
    assert export().code == 0
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    sql.execute(
        "insert into billing_payments values ('pi_1', 'co_1', 10000, 0, 'usd', 'succeeded', now() - interval '9 days')"
    )
    sql.execute(
        "insert into billing_invoices "
        "values ('in_1', 'co_1', 'R-1', 'paid', 'usd', 10000, 10000, now() - interval '9 days')"
    )
    words = ["--amount", "12.50", "--reason", "requested_by_customer", "--note", "Jana Novak asked"]
    assert billing("refund", "co_1", "pi_1", *words, "--confirm").code == 0
    sql.execute(
        "insert into billing_approvals (approval_id, digest, command, stripe_account_id, livemode, maker, maker_key,"
        " approver, approver_key, signature, expires_at) values ('apr_1', 'd', 'refund', 'acct_1', false,"
        " 'ana@example.org', 'k1', 'bob@example.org', 'k2', 's', to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"'))"
    )
    sql.execute("update billing_intents set approval_id = 'apr_1'")
    add_event(sql, 1, payload(1))
    return billing


def entries(billing: Billing, *words: str) -> list[dict[str, Any]]:
    answer = billing("timeline", *words)
    assert (answer.code, answer.document["schema"]) == (0, "billing.timeline/v1")
    found: list[dict[str, Any]] = answer.document["entries"]
    return found


def test_every_kind_is_told_in_time_order_with_request_ids(lived: Billing) -> None:
    found = entries(lived, "co_1")
    assert [each["at"] for each in found] == sorted(each["at"] for each in found)
    kinds = [each["kind"] for each in found]
    assert kinds == [
        *("payment", "invoice", "usage", "batch", "item", "item", "item"),
        *("intent", "adjustment", "approval", "webhook"),
    ]
    by_kind = {each["kind"]: each for each in found}
    assert (by_kind["usage"]["quantity"], by_kind["usage"]["usage_rows"]) == ("4.5", 3)
    assert (by_kind["batch"]["items"], by_kind["batch"]["state"]) == (3, "done")
    assert [e["quantity"] for e in found if e["kind"] == "item"] == ["1.5"] * 3
    assert (by_kind["intent"]["amount"], by_kind["adjustment"]["amount"]) == (usd(1250), usd(-1250))
    assert by_kind["payment"]["refunded"] == usd(1250)
    assert by_kind["webhook"]["request_id"] == "req_hook1"
    assert (by_kind["webhook"]["object_status"], by_kind["webhook"]["amount"]) == ("succeeded", usd(1250))
    for each in found:
        if each["kind"] in ("item", "intent"):
            assert each["request_id"].startswith("req_")


def test_an_item_names_the_customer_and_meter_of_stripe_that_have_its_usage(
    lived: Billing, sql: Connection, export: Billing, capsys: pytest.CaptureFixture[str]
) -> None:
    sql.execute("update billing_companies set stripe_customer_id = 'cus_3' where company_id = 'co_1'")
    assert export("--allow-corrections").code == 0
    found = [each for each in entries(lived, "co_1") if each["kind"] == "item"]
    receivers = [(each["stripe_customer_id"], each["event_name"], each["quantity"]) for each in found]
    assert (
        receivers
        == [("cus_1", "api_calls", quantity) for quantity in ["1.5"] * 3 + ["-1.5"] * 3]
        + [("cus_3", "api_calls", "1.5")] * 3
    )
    assert run(["timeline", "co_1"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "-4.5 for cus_1" in text and "4.5 for cus_3" in text


def test_nothing_of_another_company_is_told(lived: Billing) -> None:
    found = entries(lived, "co_2")
    assert [each["kind"] for each in found] == ["usage", "batch", "item", "item", "item"]
    assert {each["quantity"] for each in found if each["kind"] == "item"} == {"7"}
    assert entries(lived, "co_3") == []


def test_names_addresses_and_cards_are_nowhere(
    lived: Billing, sql: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_event(sql, 2, payload(2, status="Jana Novak", currency="jana@example.org", amount="4242"))
    add_event(
        sql, 3, '{"request": {"id": "jana@example.org"}, "data": {"object": {"total": 4242.5, "currency": "usd"}}}'
    )
    add_event(sql, 4, "Jana Novak \\u0000")
    sql.execute("update billing_webhooks set error = 'no account for jana@example.org, card 4242 4242 4242 4242'")
    sql.execute("update billing_intents set error = 'Invalid API Key provided: sk_test_leaked'")
    page = tmp_path / "story.html"
    texts = [json.dumps(entries(lived, "co_1", "--html", str(page)), ensure_ascii=False), page.read_text()]
    for width in ("40", "120"):
        monkeypatch.setenv("COLUMNS", width)
        assert run(["timeline", "co_1"]) == 0, width
        texts.append(capsys.readouterr().out)
    for text in texts:
        assert "ch_2" in text
        assert "no account for [e-mail], card [card]" in re.sub(r"\s+│?[│\s]*", " ", text)
        for word in CUSTOMER_DATA:
            assert word not in text, word
        assert "bob@…" in text
        assert "example.org" not in text


def test_the_window_is_half_open_and_cuts_usage_too(lived: Billing) -> None:
    one, two = (f"{YESTERDAY.replace(hour=hour):%Y-%m-%dT%H:%MZ}" for hour in (1, 2))
    (usage,) = entries(lived, "co_1", "--since", one, "--until", two)
    assert (usage["kind"], usage["quantity"], usage["usage_rows"]) == ("usage", "1.5", 1)
    found = entries(lived, "co_1")
    webhook = found[-1]["at"]
    assert entries(lived, "co_1", "--since", webhook) == found[-1:]
    assert entries(lived, "co_1", "--until", webhook) == found[:-1]
    answer = lived("timeline", "co_1", "--since", two, "--until", one)
    assert (answer.code, "ends before it begins" in answer.stderr) == (2, True)


def test_an_unknown_company_is_said(billing: Billing) -> None:
    answer = billing("timeline", "co_9")
    assert (answer.code, answer.document["exit_code"]) == (2, 2)
    assert "There is no company co_9." in answer.stderr


def test_a_company_that_was_removed_still_has_its_story(lived: Billing, sql: Connection) -> None:
    before = entries(lived, "co_1")
    sql.execute("delete from billing_companies where company_id = 'co_1'")
    answer = lived("timeline", "co_1")
    assert (answer.document["listed"], answer.document["entries"]) == (False, before)


def test_events_from_before_the_company_was_known_are_told_unless_it_shares_its_customer(
    lived: Billing, sql: Connection
) -> None:
    add_event(sql, 5, payload(5), company=None)
    add_event(sql, 6, payload(6), company=None, customer="cus_2")

    def events() -> list[str]:
        return [each["event_id"] for each in entries(lived, "co_1") if each["kind"] == "webhook"]

    assert events() == ["evt_1", "evt_5"]
    sql.execute("insert into billing_companies (company_id, stripe_customer_id) values ('co_1b', 'cus_1')")
    assert events() == ["evt_1"]


def plain(found: Sequence[Entry]) -> list[tuple[object, ...]]:
    return [(each.at, each.kind, json.dumps(each.facts, sort_keys=True, default=str)) for each in found]


def test_pages_of_any_size_tell_the_same(
    lived: Billing, sql: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 5):
        sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
            "select 'co_1', m, 1, %s - make_interval(days => %s) from unnest(array['a', 'b', null]) m",
            (YESTERDAY, day),
        )
    # As a view may have them: one payment twice, some without id or date.
    sql.execute("alter table billing_payments drop constraint billing_payments_pkey")
    sql.execute("alter table billing_payments alter payment_intent_id drop not null")
    sql.execute("insert into billing_payments select * from billing_payments")
    sql.execute("insert into billing_payments (company_id, amount_minor) select 'co_1', n from generate_series(1, 5) n")
    whole = plain(tell(database, "co_1", None, None).entries)
    assert len(whole) == 11 + 12 + 1 + 5
    assert [at for at, *_ in whole[:5]] == [None] * 5
    for size in (1, 2, 7):
        monkeypatch.setattr(timeline, "_PAGE", size)
        told = plain(tell(database, "co_1", None, None).entries)
        assert sorted(told, key=str) == sorted(whole, key=str)
        assert [at for at, *_ in told] == [at for at, *_ in whole]


def test_nothing_is_cut_at_a_thousand(lived: Billing, sql: Connection, database: Database) -> None:
    sql.execute(
        "insert into billing_webhooks (event_id, event_type, thin, livemode, created_at, company_id, payload, source,"
        " deliveries) select 'evt_many' || n, 'invoice.paid', false, false, now() + make_interval(secs => n), 'co_1',"
        " '{}', 'fetch', 0 from generate_series(1, 5500) n"
    )
    story = tell(database, "co_1", None, None)
    assert len(story.entries) == 11 + 5500
    assert [each.facts["event_id"] for each in story.entries[-5500:]] == [f"evt_many{n}" for n in range(1, 5501)]


def test_an_item_that_is_sent_while_it_is_told_is_told_once(
    lived: Billing, sql: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "_PAGE", 5)
    sql.execute("update billing_export_items set first_sent_at = null")

    class Moving:
        """The database, in which items are sent behind the first page that has some."""

        def call(self, function: str, **args: object) -> Any:
            page = database.call(function, **args)
            if any(entry["kind"] == "item" for entry in page.get("entries", [])):
                sql.execute("update billing_export_items set first_sent_at = now() + interval '1 minute'")
            return page

        def close(self) -> None: ...

    found = [each.facts["item_id"] for each in tell(Moving(), "co_1", None, None).entries if each.kind == "item"]
    assert sorted(found) == sorted(set(found))
    assert len(found) == 3


def test_a_page_is_written_whole_or_refused_before_anything_is_read(lived: Billing, tmp_path: Path) -> None:
    page = tmp_path / "story.html"
    entries(lived, "co_1", "--html", str(page))
    text = page.read_text()
    assert not re.search(r"""(src|href)=|url\(|@import|https?://""", text)
    for part in ("Company co_1", "12.50 USD", "req_hook1", "3 events api_calls", "prefers-color-scheme: dark"):
        assert part in text
    answer = lived("timeline", "co_9", "--html", str(tmp_path))
    assert (answer.code, "is a directory" in answer.stderr) == (78, True)


def test_markup_in_a_reason_stays_text(lived: Billing, sql: Connection, tmp_path: Path) -> None:
    sql.execute("update billing_intents set reason = '<script>alert(1)</script>'")
    page = tmp_path / "story.html"
    entries(lived, "co_1", "--html", str(page))
    assert "<script>alert" not in page.read_text()
    assert "&lt;script&gt;alert(1)" in page.read_text()


def test_a_window_that_ends_before_it_begins_is_refused(database: Database) -> None:
    with pytest.raises(BadInput, match="ends before it begins"):
        tell(database, "co_1", YESTERDAY, YESTERDAY)


def test_a_directory_that_is_not_there_is_refused_and_not_made(billing: Billing, tmp_path: Path) -> None:
    answer = billing("timeline", "co_1", "--html", str(tmp_path / "mistyped" / "page.html"))
    assert answer.code == 78
    assert f"{tmp_path}/mistyped is no directory" in answer.stderr
    assert list(tmp_path.iterdir()) == []
