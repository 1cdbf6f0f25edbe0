"""Customer ids in billing_companies lose the blanks around them wherever they are compared, and show those inside."""

import json
from typing import Any

import pytest
from support.usage import Connection, add_usage

from billing_cli.cli.app import run

from .conftest import DAY, Billing
from .test_timeline import add_event, payload

BLANKS = [" ", "\u00a0", "\u200b", "\ufeff", "\t\u2003\u2060"]


def value(sql: Connection, call: str, *arguments: object) -> Any:
    row = sql.execute(f"select {call}".encode(), arguments).fetchone()
    assert row
    return row[0]


@pytest.fixture(params=BLANKS)
def padded(request: pytest.FixtureRequest, billing: Billing, sql: Connection) -> Connection:
    """cus_1 of co_1 has blanks around it; co_2 has a customer of blanks alone."""
    blank = request.param
    for company, customer in (("co_1", f"{blank}cus_1{blank}"), ("co_2", blank)):
        sql.execute("update billing_companies set stripe_customer_id = %s where company_id = %s", (customer, company))
    return sql


def test_an_event_belongs_to_the_company_of_its_customer(padded: Connection, billing: Billing) -> None:
    assert value(padded, "billing_webhook_company_v1('cus_1', null)") == "co_1"
    padded.execute("insert into billing_companies (company_id, stripe_customer_id) values ('co_1b', 'cus_1')")
    assert value(padded, "billing_webhook_company_v1('cus_1', null)") is None


def test_money_goes_to_the_companys_customer(padded: Connection) -> None:
    assert value(padded, "billing_company_v1('co_1')")["stripe_customer_id"] == "cus_1"
    assert value(padded, "billing_company_v1('co_2')")["stripe_customer_id"] is None
    found = value(padded, "billing_companies_by_customer_v1(%s)", json.dumps(["cus_1", "cus_2", "cus_3"]))
    assert {customer: each["company_id"] for customer, each in found.items()} == {"cus_1": "co_1", "cus_3": "co_3"}
    assert found["cus_1"]["stripe_customer_id"] == "cus_1"


def test_a_customer_of_blanks_is_none(padded: Connection) -> None:
    add_usage(padded, "co_2", "api_calls", 1)
    assert value(padded, "billing_companies_summary_v1()")["examples"] == ["co_2"]
    assert value(padded, "billing_doctor_usage_v1(72)")["examples"] == ["co_2"]


def test_a_companys_story_has_the_events_of_its_customer(padded: Connection, billing: Billing) -> None:
    add_event(padded, 1, payload(1), company=None)
    story = billing("timeline", "co_1").document
    assert (story["stripe_customer_ids"], len(story["entries"])) == (["cus_1"], 1)
    assert billing("timeline", "co_2").document["stripe_customer_ids"] == []


INSIDE = ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u200d", "\u200c", "\u3164", "\U000e0041"]


@pytest.mark.parametrize("unseen", INSIDE)
def test_an_invisible_character_inside_an_id_is_shown(
    billing: Billing, sql: Connection, capsys: pytest.CaptureFixture[str], unseen: str
) -> None:
    company, customer = f"co_{unseen}9", f"cus_{unseen}1"
    written = {name: name.encode("ascii", "backslashreplace").decode() for name in (company, customer)}
    sql.execute("update billing_companies set stripe_customer_id = %s where company_id = 'co_1'", (customer,))
    add_usage(sql, "co_1", "api_calls", 2)
    add_usage(sql, company, "api_calls", 3)
    capsys.readouterr()
    assert run(["export", "--start", DAY, "--end", DAY]) == 0
    plan = capsys.readouterr().out
    assert f"such as {written[company]} api_calls" in " ".join(plan.split())
    run(["timeline", "co_1"])
    assert f"Company co_1 {written[customer]};" in " ".join(capsys.readouterr().out.split())
    run(["timeline", company])
    assert written[company] in capsys.readouterr().err
    assert unseen not in plan


def test_doctor_shows_an_invisible_character_inside_an_id(
    billing: Billing, sql: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    sql.execute("insert into billing_companies (company_id) values (%s)", ("co_\u200b9",))
    add_usage(sql, "co_\u200b9", "api_calls", 1)
    capsys.readouterr()
    run(["doctor"])
    said = capsys.readouterr().out
    assert "co_\\u200b9" in said and "\u200b" not in said
    assert any("co_\u200b9" in finding["next_step"] for finding in billing("doctor").document["findings"])
