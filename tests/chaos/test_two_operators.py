"""Two operators on one payment, invoice or customer: the one whose facts are old is refused, and money moves once."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.crash import KILLED, Slept, Step, run_billing, start_billing
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.sleep import let_a_day_pass, until_asleep, wake
from support.stripe_control import StripeDouble
from support.usage import Connection

from .test_money_crash import COMMANDS, STATES, assert_once, effects, money

__all__ = ["money"]
# B has planned and is about to compare; has compared and is about to open; has claimed and takes the last look.
PLANNED = Step("standing", "before", 1, signal.SIGSTOP)
COMPARED = Step("billing_intents_open_v2", "before", 1, signal.SIGSTOP)
CLAIMED = Step("standing", "before", 2, signal.SIGSTOP)
# B has opened its intent.
OPENED = Step("billing_intents_open_v2", "after", 1, signal.SIGSTOP)
REFUSED_BY_A_GATE, LEFT_REFUSED, LEFT_OPEN, LAPSED = 4, 3, 5, 3
UNLIMITED = ["refund", "refund all", "credit note", "balance", "invoice item", "credit grant"]


@pytest.fixture(autouse=True)
def clock(stripe: StripeDouble) -> Iterator[None]:
    yield
    stripe.clock(0)


def dashboard(name: str, stripe: StripeDouble) -> None:
    """The same by hand, under no name of ours."""
    v1: Any = stripe.client().v1
    if name in ("refund", "refund all"):
        amount = 10_000 if name == "refund all" else 1250
        v1.refunds.create({"payment_intent": "pi_1", "amount": amount})
    elif name == "credit note":
        v1.credit_notes.create({"invoice": "in_1", "amount": 1250, "refund_amount": 1250})
    elif name == "balance":
        v1.customers.balance_transactions.create("cus_1", {"amount": -1250, "currency": "usd"})
    elif name == "invoice item":
        v1.invoice_items.create({"customer": "cus_1", "amount": 1250, "currency": "usd"})
    elif name == "credit grant":
        amount_of = {"type": "monetary", "monetary": {"value": 1250, "currency": "usd"}}
        scope = {"scope": {"price_type": "metered"}}
        grant = {"customer": "cus_1", "amount": amount_of, "applicability_config": scope, "category": "promotional"}
        v1.billing.credit_grants.create({**grant, "expires_at": 4_102_444_800})
    elif name == "mark paid":
        v1.invoices.pay("in_2", {"paid_out_of_band": True})
    elif name == "void":
        v1.invoices.void_invoice("in_2")
    else:
        assert name == "uncollectible"
        v1.invoices.mark_uncollectible("in_2")


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("step", [PLANNED, COMPARED], ids=["planned", "compared"])
@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_first_has_done_is_not_done_by_the_second(
    name: str, step: Step, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    _second_after_the_first(name, step, wire_environment(db_url, stripe.url), sql, stripe)


@pytest.mark.usefixtures("money")
def test_nor_over_rest(rest: PostgrestDouble, sql: Connection, stripe: StripeDouble) -> None:
    environment = rest_environment(rest.url, rest.service_key, stripe.url)
    _second_after_the_first("balance", COMPARED, environment, sql, stripe)


def _second_after_the_first(
    name: str, step: Step, environment: dict[str, str], sql: Connection, stripe: StripeDouble
) -> None:
    command = [*COMMANDS[name], "--confirm"]
    second = start_billing(environment, command, step)
    until_asleep(second)
    assert run_billing(environment, command) == 0
    assert wake(second) == REFUSED_BY_A_GATE
    assert_once(name, sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize(
    ("step", "code"), [(PLANNED, REFUSED_BY_A_GATE), (CLAIMED, LEFT_REFUSED)], ids=["planned", "claimed"]
)
@pytest.mark.parametrize("name", UNLIMITED)
def test_what_was_done_in_the_dashboard_is_not_done_again(
    name: str, step: Step, code: int, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    second = start_billing(environment, [*COMMANDS[name], "--confirm"], step)
    until_asleep(second)
    dashboard(name, stripe)
    assert wake(second) == code
    assert len(list(effects(name, stripe))) == 1
    assert sql.execute("select count(*) from billing_adjustments").fetchone() == (0,)
    refused = sql.execute("select error from billing_intents where state = 'refused'").fetchall()
    assert len(refused) == (code == LEFT_REFUSED)
    assert all("changed after the plan was made" in error for (error,) in refused)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("name", UNLIMITED)
def test_what_was_done_in_the_dashboard_after_a_claim_is_not_done_again_by_a_resume(
    name: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    """Killed between claim and request: nothing was sent, and nothing here can prove it for a day."""
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, [*COMMANDS[name], "--confirm"], Step("move", "before")) == KILLED
    dashboard(name, stripe)
    ((intent_id,),) = sql.execute("select intent_id from billing_intents").fetchall()
    resume = ["intents", "resume", intent_id, "--confirm"]
    assert run_billing(environment, resume) == LEFT_OPEN
    ((state, error),) = sql.execute("select state::text, error from billing_intents").fetchall()
    assert state == "sending"
    assert "changed after the plan was made" in error
    let_a_day_pass(sql, stripe, Slept())
    assert run_billing(environment, resume) == LAPSED
    assert sql.execute("select state::text from billing_intents").fetchall() == [("lapsed",)]
    assert len(list(effects(name, stripe))) == 1


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("name", STATES)
def test_an_invoice_that_was_changed_so_meanwhile_is_only_brought_up_to_date(
    name: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    second = start_billing(environment, [*COMMANDS[name], "--confirm"], PLANNED)
    until_asleep(second)
    dashboard(name, stripe)
    assert wake(second) == REFUSED_BY_A_GATE
    assert run_billing(environment, [*COMMANDS[name], "--confirm"]) == 0
    assert_once(name, sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("name", STATES)
def test_an_invoice_that_was_changed_so_after_the_plan_is_not_called_our_doing(
    name: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    """The customer may have paid by card what was paid outside as well."""
    environment = wire_environment(db_url, stripe.url)
    second = start_billing(environment, [*COMMANDS[name], "--confirm"], OPENED)
    until_asleep(second)
    dashboard(name, stripe)
    assert wake(second) == LEFT_REFUSED
    ((state, error),) = sql.execute("select state::text, error from billing_intents").fetchall()
    assert (state, "changed after the plan was made" in error) == ("refused", True)
    assert run_billing(environment, [*COMMANDS[name], "--confirm"]) == 0
    sql.execute("delete from billing_intents where state = 'refused'")
    assert_once(name, sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize(("name", "other"), [(name, other) for name in STATES for other in STATES if name != other])
def test_an_invoice_that_was_changed_otherwise_after_the_claim_is_left_as_it_is(
    name: str, other: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    second = start_billing(environment, [*COMMANDS[name], "--confirm"], CLAIMED)
    until_asleep(second)
    dashboard(other, stripe)
    assert wake(second) == LEFT_REFUSED
    assert (list(effects(name, stripe)), list(effects(other, stripe))) == ([], [10_000])
    assert sql.execute("select status from billing_invoices").fetchall() == [("open",)]


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("file_first", [True, False])
def test_a_file_beside_a_single_refund(
    file_first: bool, db_url: str, sql: Connection, stripe: StripeDouble, tmp_path: Path
) -> None:
    environment, path = wire_environment(db_url, stripe.url), tmp_path / "incident.csv"
    path.write_text("payment,reason,amount\npi_line_1,duplicate,5.00\npi_1,duplicate,12.50\n")
    commands = [["refund", "--from-csv", str(path), "--confirm"], [*COMMANDS["refund"], "--confirm"]]
    first, second = commands if file_first else commands[::-1]
    sleeper = start_billing(environment, second, COMPARED)
    until_asleep(sleeper)
    assert run_billing(environment, first) == 0
    assert wake(sleeper) == REFUSED_BY_A_GATE
    refunded = sorted((refund["payment_intent"], refund["amount"]) for refund in stripe.refunds())
    assert refunded == [("pi_1", 1250), *([("pi_line_1", 500)] if file_first else [])]


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize(
    "other",
    [
        ["refund", "co_1", "pi_1", "--amount", "20", "--reason", "duplicate", "--via", "credit-note"],
        ["adjust", "co_1", "credit", "--amount", "5", "--currency", "usd", "--reason", "x", "--invoice", "in_1"],
    ],
    ids=["credit note", "adjustment"],
)
def test_another_movement_of_the_same_invoice_counts_too(
    other: list[str], db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    second = start_billing(environment, [*COMMANDS["refund"], "--confirm"], COMPARED)
    until_asleep(second)
    assert run_billing(environment, [*other, "--confirm"]) == 0
    assert wake(second) == REFUSED_BY_A_GATE


CREDIT = ["adjust", "co_1", "credit", "--amount", "5", "--currency", "usd", "--reason", "x", "--as", "balance"]
REFUND_OF_ANOTHER = ["refund", "co_1", "pi_line_1", "--reason", "duplicate"]


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CREDIT, COMMANDS["refund"]),
        (COMMANDS["refund"], CREDIT),
        (CREDIT, COMMANDS["credit note"]),
        (CREDIT, COMMANDS["mark paid"]),
        (COMMANDS["mark paid"], CREDIT),
        (COMMANDS["mark paid"], COMMANDS["refund"]),
        (REFUND_OF_ANOTHER, COMMANDS["refund"]),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_two_movements_for_one_customer_exclude_each_other(
    first: list[str], second: list[str], db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    sleeper = start_billing(environment, [*second, "--confirm"], COMPARED)
    until_asleep(sleeper)
    assert run_billing(environment, [*first, "--confirm"]) == 0
    assert wake(sleeper) == REFUSED_BY_A_GATE
    assert sql.execute("select state::text from billing_intents").fetchall() == [("done",)]


@pytest.mark.usefixtures("money")
def test_movements_for_different_customers_do_not_hinder_each_other(
    db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    stripe.bulk([{"id": "cus_2"}], [])
    sql.execute("insert into billing_companies (company_id, stripe_customer_id) values ('co_2', 'cus_2')")
    stripe.payments([{"id": "pi_2", "customer": "cus_2", "amount": 1000, "currency": "usd"}])
    second = start_billing(environment, [*COMMANDS["refund"], "--confirm"], COMPARED)
    until_asleep(second)
    assert run_billing(environment, ["refund", "co_2", "pi_2", "--reason", "duplicate", "--confirm"]) == 0
    assert wake(second) == 0
    assert len(stripe.refunds()) == 2


@pytest.mark.usefixtures("money")
def test_the_lines_of_one_file_for_one_customer_do_not_hinder_each_other(
    db_url: str, stripe: StripeDouble, tmp_path: Path
) -> None:
    environment, path = wire_environment(db_url, stripe.url), tmp_path / "incident.csv"
    path.write_text("payment,reason\n" + "".join(f"pi_line_{number},duplicate\n" for number in range(5)))
    assert run_billing(environment, ["refund", "--from-csv", str(path), "--confirm"]) == 0
    assert len(stripe.refunds()) == 5
