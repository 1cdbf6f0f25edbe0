"""Saved plans: applied if nothing changed, and refused with the differences named."""

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.cli.apply import SAVABLE
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.plan import digest_of
from billing_cli.domain.plan_request import REQUESTS
from billing_cli.sandbox.stripe_control import ask

from .conftest import DAY, Billing

LINE = [{"amount": 10_000, "description": "usage"}]
WORDS: dict[str, list[str]] = {
    "export": ["export", "--start", DAY, "--end", DAY],
    "batches resume": ["batches", "resume", "BATCH"],
    "batches rollback": ["batches", "rollback", "BATCH"],
    "batches verify": ["batches", "verify", "BATCH"],
    "refund": ["refund", "co_1", "pi_1", "--amount", "10", "--reason", "duplicate"],
    "refund --status": ["refund", "co_1", "pi_p", "--status"],
    "adjust": ["adjust", "co_1", "credit", "--amount", "5", "--currency", "usd", "--reason", "Outage"],
    "invoices mark-paid": ["invoices", "mark-paid", "co_1", "in_1", "--reason", "wire"],
    "invoices void": ["invoices", "void", "co_1", "in_1", "--reason", "mistake"],
    "invoices mark-uncollectible": ["invoices", "mark-uncollectible", "co_1", "in_1", "--reason", "insolvent"],
    "intents resume": ["intents", "resume", "INTENT"],
    "intents resume --all": ["intents", "resume", "--all"],
    "webhooks fetch": ["webhooks", "fetch", "--since", "2h"],
}
Change = Callable[[StripeDouble, Connection], object]
CHANGES: dict[str, tuple[Change, str]] = {
    "export": (lambda stripe, sql: add_usage(sql, "co_2", "api_calls", 7), "to_send.cus_2 api_calls: new"),
    "batches rollback": (
        lambda stripe, sql: sql.execute("update billing_export_items set first_sent_at = now() - interval '2 days'"),
        "cancels.cus_1 api_calls: missing now",
    ),
    "batches verify": (
        lambda stripe, sql: stripe.forget("3"),
        "found: 1 was planned, 0 is found",
    ),
    "refund": (
        lambda stripe, sql: stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 9000, "currency": "usd"}]),
        "  captured: 100.00 USD was planned, 90.00 USD is found",
    ),
    "refund --status": (
        lambda stripe, sql: stripe.refund_status(stripe.refunds()[0]["id"], "succeeded"),
        "was planned, succeeded is found",
    ),
    "adjust": (
        lambda stripe, sql: ask(
            stripe.url, "POST", "customers_balance", {"customer": "cus_1", "balance": 99, "currency": "usd"}
        ),
        "  balance before: 0.00 USD was planned, 0.99 USD is found",
    ),
    "invoices mark-paid": (
        lambda stripe, sql: stripe.invoices([{**invoice("void")}]),
        "is void",
    ),
    "invoices void": (
        lambda stripe, sql: stripe.invoices([{**invoice("paid")}]),
        "is paid",
    ),
    "invoices mark-uncollectible": (
        lambda stripe, sql: stripe.invoices([{**invoice("paid")}]),
        "is paid",
    ),
}


def invoice(status: str) -> dict[str, object]:
    return {"id": "in_1", "customer": "cus_1", "status": status, "currency": "usd", "lines": LINE}


@pytest.fixture
def words(billing: Billing, stripe: StripeDouble, sql: Connection) -> Callable[[str], list[str]]:
    """The words of a command that has something to do."""
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    stripe.invoices([invoice("open")])

    def prepare(name: str) -> list[str]:
        if name in ("export", "batches resume", "batches rollback", "batches verify"):
            add_usage(sql, "co_1", "api_calls", 3)
        if name == "batches resume":
            stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events")
            billing(*WORDS["export"], "--confirm")
            stripe.heal()
        if name in ("batches rollback", "batches verify"):
            billing(*WORDS["export"], "--confirm")
        if name in ("batches resume", "batches rollback", "batches verify"):
            batch = billing("batches", "list").document["batches"][0]["batch_id"]
            return [*WORDS[name][:2], batch]
        if name == "webhooks fetch":
            stripe.stripe_events([{"type": "invoice.paid", "created": int(time.time()) - 60, "object": {"id": "in_1"}}])
        if name == "refund --status":
            meta = {"sandbox_refund": "requires_action"}
            stripe.payments([{"id": "pi_p", "customer": "cus_1", "amount": 100, "currency": "usd", "metadata": meta}])
            billing("refund", "co_1", "pi_p", "--reason", "duplicate", "--confirm")
            stripe.refund_status(stripe.refunds()[0]["id"], "pending")
        if name.startswith("intents resume"):
            stripe.fault(kind="status", status=401, endpoint="/v1/refunds", method="POST")
            assert billing(*WORDS["refund"], "--confirm").code == 78
            stripe.heal()
            if name == "intents resume --all":
                return WORDS[name]
            return ["intents", "resume", billing("intents", "list").document["intents"][0]["intent_id"]]
        return WORDS[name]

    return prepare


def test_every_command_that_can_be_saved_is_tested() -> None:
    assert set(WORDS) == set(SAVABLE) == set(REQUESTS)


@pytest.mark.parametrize("name", WORDS)
def test_a_saved_plan_is_carried_out_as_it_was_shown(
    name: str, words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    plan = billing(*words(name), "--plan-out", str(path))
    assert json.loads(path.read_text())["digest"] == plan.document["digest"]
    assert billing("apply", str(path)).document["digest"] == plan.document["digest"]
    assert billing("apply", str(path), "--confirm").code == 0
    again = billing("apply", str(path), "--confirm")
    assert again.code == 4
    assert "Plan changed" in again.stderr


@pytest.mark.parametrize("name", CHANGES)
def test_what_has_changed_is_named_and_nothing_is_written(
    name: str,
    words: Callable[[str], list[str]],
    billing: Billing,
    tmp_path: Path,
    stripe: StripeDouble,
    sql: Connection,
) -> None:
    path = tmp_path / "plan.json"
    billing(*words(name), "--plan-out", str(path))
    change, said = CHANGES[name]
    change(stripe, sql)
    posts = sum(1 for line in stripe.log() if line["method"] == "POST")
    answer = billing("apply", str(path), "--confirm")
    assert answer.code == 4
    assert said in answer.stderr
    assert sum(1 for line in stripe.log() if line["method"] == "POST") == posts


@pytest.mark.parametrize("field", ["stripe_account_id", "livemode"])
def test_a_plan_for_another_account_is_refused(
    field: str, words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    billing(*words("refund"), "--plan-out", str(path))
    document = json.loads(path.read_text()) | {field: {"stripe_account_id": "acct_other", "livemode": True}[field]}
    identity = StripeIdentity(document["stripe_account_id"], document["livemode"], document["livemode"])
    document["digest"] = digest_of(document["command"], identity, document["changes"])
    path.write_text(json.dumps(document))
    answer = billing("apply", str(path), "--confirm")
    assert (answer.code, "it was made for" in answer.stderr) == (4, True)


@pytest.mark.parametrize("request_", [{}, {"lines": 3, "via": "refund"}, {"lines": [{"x": 1}], "via": "refund"}])
def test_a_request_that_is_not_understood_is_refused(
    request_: dict[str, object], words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    billing(*words("refund"), "--plan-out", str(path))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"request": request_}))
    assert billing("apply", str(path), "--confirm").code == 2


def test_a_plan_that_cannot_be_written_is_said(words: Callable[[str], list[str]], billing: Billing) -> None:
    answer = billing(*words("refund"), "--plan-out", "/nowhere/plan.json")
    assert (answer.code, "cannot be written" in answer.stderr) == (2, True)


def test_a_plan_on_a_full_disk_leaves_nothing(
    words: Callable[[str], list[str]], billing: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = words("refund")

    def fill(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "full").mkdir()
    monkeypatch.setattr(os, "fsync", fill)
    answer = billing(*refund, "--plan-out", str(tmp_path / "full" / "plan.json"))
    assert answer.code == 78
    assert "No space left on device" in answer.stderr
    assert list((tmp_path / "full").iterdir()) == []


def test_a_plan_is_not_written_through_links_that_lie_there(
    words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    victim, place = tmp_path / "victim", tmp_path / "plans"
    victim.write_text("mine")
    place.mkdir()
    for name in (".p.json.draft", ".p.json", "q.json"):
        (place / name).symlink_to(victim)
    refund = words("refund")
    assert billing(*refund, "--plan-out", str(place / "p.json")).code == 0
    answer = billing(*refund, "--plan-out", str(place / "q.json"))
    assert (answer.code, "is a link" in answer.stderr) == (2, True)
    assert victim.read_text() == "mine"
    assert json.loads((place / "p.json").read_text())["command"] == "refund"


def test_a_saved_export_is_sent_as_apply_is_told(
    words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    billing(*words("export"), "--plan-out", str(path))
    how = ["--workers", "1", "--rate", "50", "--verify", "--verify-for", "1"]
    answer = billing("apply", str(path), *how, "--confirm")
    assert (answer.code, len(answer.document["verified"])) == (0, 1)
    assert billing("batches", "list").document["batches"][0]["verified_at"]


@pytest.mark.parametrize(
    ("name", "how"),
    [("refund", ["--workers", "2"]), ("batches verify", ["--rate", "5"]), ("batches resume", ["--verify"])],
)
def test_a_saved_plan_that_does_not_send_so_says_it(
    name: str, how: list[str], words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    billing(*words(name), "--plan-out", str(path))
    answer = billing("apply", str(path), *how, "--confirm")
    assert (answer.code, f"does not take {how[0]}" in answer.stderr) == (2, True)
