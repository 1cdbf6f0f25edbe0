"""The second person: who may approve what, once, and what a shared database key cannot do."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.cli.app import run

from .conftest import Answer, Billing, signers

REFUND = ["refund", "co_1", "pi_1", "--amount", "60", "--reason", "duplicate"]


@pytest.fixture
def place(
    tmp_path: Path, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch, billing: Billing, stripe: StripeDouble
) -> Path:
    """Above 50.00 USD a second person is needed, 80.00 is the ceiling of a command and 100.00 that of a day."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signers").write_text(signers(keys, ana="ana", bob="bob"))
    (tmp_path / "signers").chmod(0o644)
    Path("billing.toml").write_text(
        '[limits]\nallowed_signers = "signers"\n[limits.refund]\napprove_above = { usd = "50.00" }\n'
        'per_command = { usd = "80" }\nper_day = { usd = "100" }\n'
    )
    stripe.payments([{"id": f"pi_{n}", "customer": "cus_1", "amount": 10_000, "currency": "usd"} for n in (1, 2, 3)])
    return tmp_path


@pytest.fixture
def made(place: Path, billing: Billing, keys: dict[str, Path]) -> Path:
    """Ana's plan."""
    path = place / "plan.json"
    assert billing(*REFUND, "--plan-out", str(path), "--sign-key", str(keys["ana"])).code == 0
    return path


@pytest.fixture
def approve(made: Path, billing: Billing, keys: dict[str, Path]) -> Callable[[str], Answer]:
    return lambda who: billing("approvals", "approve", str(made), "--sign-key", str(keys[who]), "--confirm")


def test_above_the_limit_a_second_person_is_needed(
    made: Path, billing: Billing, approve: Callable[[str], Answer], stripe: StripeDouble
) -> None:
    refused = billing(*REFUND, "--confirm")
    assert (refused.code, stripe.refunds()) == (4, [])
    assert "60.00 USD is above 50.00 USD" in refused.stderr
    assert billing("apply", str(made), "--confirm").code == 4

    answer = approve("bob")
    assert answer.code == 0
    (approval,) = answer.document["approvals"]
    assert (approval["maker"]["name"], approval["approver"]["name"], approval["state"]) == ("ana", "bob", "usable")
    assert billing("apply", str(made), "--confirm").code == 0
    assert [refund["amount"] for refund in stripe.refunds()] == [6000]
    (approval,) = billing("approvals", "list").document["approvals"]
    assert approval["state"] == "used"
    # Used up: neither the file nor the words do it again.
    assert billing("apply", str(made), "--confirm").code == 4
    assert billing(*REFUND, "--confirm").code in (2, 4)
    assert len(stripe.refunds()) == 1


def test_the_words_of_an_approved_plan_will_do_as_well(
    made: Path, billing: Billing, approve: Callable[[str], Answer], stripe: StripeDouble
) -> None:
    approve("bob")
    assert billing(*REFUND, "--confirm").code == 0
    assert len(stripe.refunds()) == 1


def test_up_to_the_limit_nobody_else_is_needed(place: Path, billing: Billing, stripe: StripeDouble) -> None:
    exactly = ["refund", "co_1", "pi_1", "--amount", "50.00", "--reason", "duplicate", "--confirm"]
    assert billing(*exactly).code == 0
    assert len(stripe.refunds()) == 1


def test_approving_goes_through_the_gates(
    made: Path, billing: Billing, keys: dict[str, Path], sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["approvals", "approve", str(made), "--sign-key", str(keys["bob"])]
    plan = billing(*words)
    assert (plan.code, plan.document["maker"]["name"]) == (0, "ana")
    monkeypatch.delenv("LIVE")
    assert billing(*words, "--confirm").code == 4
    assert sql.execute("select count(*) from billing_approvals").fetchone() == (0,)


@pytest.mark.parametrize(("who", "said"), [("ana", "cannot approve it too"), ("eve", "not valid")])
def test_neither_the_maker_nor_a_stranger_may_approve(
    who: str, said: str, approve: Callable[[str], Answer], sql: Connection
) -> None:
    answer = approve(who)
    assert (answer.code, said in answer.stderr) == (4, True)
    assert sql.execute("select count(*) from billing_approvals").fetchone() == (0,)


def test_one_key_under_two_names_is_one_person(
    place: Path, made: Path, keys: dict[str, Path], approve: Callable[[str], Answer]
) -> None:
    (place / "signers").write_text(signers(keys, ana="ana", other="ana"))
    assert approve("ana").code == 4
    (place / "signers").write_text(signers(keys, other="ana", ana="ana"))
    assert approve("ana").code == 4


def test_a_plan_that_nobody_signed_cannot_be_approved(place: Path, billing: Billing, keys: dict[str, Path]) -> None:
    assert billing(*REFUND, "--plan-out", "plan.json").code == 0
    answer = billing("approvals", "approve", "plan.json", "--sign-key", str(keys["bob"]), "--confirm")
    assert (answer.code, "Nobody signed" in answer.stderr) == (4, True)


@pytest.mark.parametrize("toml", ["", "allowed_signers = 'nowhere'\n"])
def test_without_allowed_signers_nothing_is_assumed(
    toml: str, made: Path, billing: Billing, approve: Callable[[str], Answer]
) -> None:
    Path("billing.toml").write_text(f"[limits]\n{toml}[limits.refund]\napprove_above = {{ usd = '50' }}\n")
    assert approve("bob").code == 4
    assert billing(*REFUND, "--confirm").code == 4


def test_signers_that_others_may_write_are_not_believed(
    place: Path, made: Path, approve: Callable[[str], Answer]
) -> None:
    (place / "signers").chmod(0o666)
    answer = approve("bob")
    assert (answer.code, "chmod go-w" in answer.stderr) == (78, True)


def test_who_left_cannot_have_approved(
    place: Path,
    made: Path,
    keys: dict[str, Path],
    billing: Billing,
    approve: Callable[[str], Answer],
    stripe: StripeDouble,
) -> None:
    approve("bob")
    (place / "signers").write_text(signers(keys, ana="ana"))
    assert billing("apply", str(made), "--confirm").code == 4
    assert stripe.refunds() == []


def test_a_revoked_approval_counts_no_more(
    made: Path, billing: Billing, approve: Callable[[str], Answer], stripe: StripeDouble
) -> None:
    approval = approve("bob").document["approvals"][0]["approval_id"]
    assert billing("approvals", "revoke", approval).code == 0
    assert billing("approvals", "list").document["approvals"][0]["state"] == "usable"
    assert billing("approvals", "revoke", approval, "--confirm").code == 0
    assert billing("apply", str(made), "--confirm").code == 4
    assert stripe.refunds() == []
    assert approve("bob").code == 0  # it may be given again
    assert billing("apply", str(made), "--confirm").code == 0


def forge(sql: Connection, **changes: object) -> None:
    """Writes the row as somebody would who holds the database: with the guard switched off."""
    sql.execute("alter table billing_approvals disable trigger user")
    sql.execute(f"update billing_approvals set {', '.join(f'{name} = %s' for name in changes)}", list(changes.values()))


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": "2099-01-01T00:00:00+00:00"},
        {"approval_id": "apr_copied"},
        {"maker": "somebody"},
        {"approver": "ana2"},
        {"signature": "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"},
        {"signature": ""},
    ],
    ids=str,
)
def test_a_row_written_by_hand_is_not_believed(
    changes: dict[str, object],
    made: Path,
    billing: Billing,
    approve: Callable[[str], Answer],
    sql: Connection,
    stripe: StripeDouble,
) -> None:
    approve("bob")
    forge(sql, **changes)
    assert billing("apply", str(made), "--confirm").code == 4
    assert stripe.refunds() == []


def test_the_signature_of_one_plan_is_worth_nothing_for_another(
    made: Path, billing: Billing, approve: Callable[[str], Answer], sql: Connection, stripe: StripeDouble
) -> None:
    approve("bob")
    other = ["refund", "co_1", "pi_2", "--amount", "70", "--reason", "duplicate"]
    forge(sql, digest=billing(*other).document["digest"])
    assert billing(*other, "--confirm").code == 4
    assert stripe.refunds() == []


def test_an_expired_approval_counts_no_more(
    made: Path, billing: Billing, approve: Callable[[str], Answer], sql: Connection, stripe: StripeDouble
) -> None:
    approve("bob")
    forge(sql, expires_at="2020-01-01T00:00:00+00:00")
    assert billing("apply", str(made), "--confirm").code == 4
    sql.execute("alter table billing_approvals enable trigger user")
    assert approve("bob").code == 0  # makes room for another


@pytest.mark.parametrize("change", ["digest = 'x'", "expires_at = '2099-01-01'", "used_at = null", "approver = 'x'"])
def test_a_used_approval_cannot_be_changed_nor_deleted(
    change: str, made: Path, billing: Billing, approve: Callable[[str], Answer], sql: Connection
) -> None:
    approve("bob")
    billing("apply", str(made), "--confirm")
    for statement in (
        f"update billing_approvals set {change}",
        "delete from billing_approvals",
        "truncate billing_approvals",
    ):
        with pytest.raises(psycopg.Error, match="Approvals cannot be"):
            sql.execute(statement)


def test_an_approval_is_used_once_by_two_at_once(
    made: Path, approve: Callable[[str], Answer], sql: Connection, stripe: StripeDouble
) -> None:
    approve("bob")
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(lambda _: run(["apply", str(made), "--confirm"]), range(2)))
    assert codes[0] == 0
    assert codes[1] in (2, 4, 5, 75)
    assert len(stripe.refunds()) == 1


@pytest.mark.parametrize(
    ("amounts", "codes"),
    [(["80.01"], [4]), (["50", "50"], [0, 0]), (["50", "50", "0.01"], [0, 0, 4]), (["40", "50", "11"], [0, 0, 4])],
)
def test_ceilings_hold_for_a_command_and_for_a_day(
    amounts: list[str], codes: list[int], place: Path, billing: Billing, stripe: StripeDouble
) -> None:
    found = [
        billing("refund", "co_1", f"pi_{n}", "--amount", amount, "--reason", "duplicate", "--confirm").code
        for n, amount in enumerate(amounts, 1)
    ]
    assert found == codes
    assert len(stripe.refunds()) == codes.count(0)


def test_a_dry_run_above_a_ceiling_offers_no_command_that_would_be_refused(
    place: Path, billing: Billing, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["refund", "co_1", "pi_1", "--amount", "80.01", "--reason", "duplicate"])
    shown = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "Refused: 80.01 USD is above the ceiling of 80.00 USD" in shown
    assert "Use a smaller amount, or raise the ceiling under [limits] in billing.toml" in shown
    assert "LIVE=true billing" not in shown


def test_a_currency_that_no_limit_names_is_not_let_through(place: Path, billing: Billing, stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_eur", "customer": "cus_1", "amount": 100, "currency": "eur"}])
    answer = billing("refund", "co_1", "pi_eur", "--reason", "duplicate", "--confirm")
    assert (answer.code, stripe.refunds()) == (4, [])


def changed(path: Path, **fields: Any) -> str:
    return json.dumps({**json.loads(path.read_text()), **fields})


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "not json", "[" * 100_000, '{"schema": "billing.plan/v1"}', "\x00"],
)
def test_what_is_no_plan_is_refused_in_a_sentence(text: str, place: Path, billing: Billing) -> None:
    Path("plan.json").write_text(text)
    answer = billing("apply", "plan.json", "--confirm")
    assert (answer.code, "no plan file" in answer.stderr) == (2, True)


def test_an_edited_plan_is_refused(made: Path, billing: Billing, stripe: StripeDouble) -> None:
    document = json.loads(made.read_text())
    document["changes"]["actions"][0]["amount"]["amount_minor"] = 1
    made.write_text(json.dumps(document))
    assert billing("apply", str(made), "--confirm").code == 2
    made.write_text(changed(made, digest="0" * 64))
    assert billing("apply", str(made), "--confirm").code == 2
    assert billing("apply", str(made.parent), "--confirm").code == 2
    assert stripe.refunds() == []
