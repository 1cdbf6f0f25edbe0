"""An incident's worth of refunds from a file."""

import csv
import errno
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.cli.app import run
from billing_cli.domain.errors import BadInput
from billing_cli.domain.refund_file import read_refund_lines

from .conftest import Answer, Billing

Refund = Callable[..., Answer]
HEADER = "payment,reason,amount,note\n"


@pytest.fixture
def refund_file(billing: Billing, stripe: StripeDouble, tmp_path: Path) -> Refund:
    """Writes the file and runs it; pi_1 to pi_5 are co_1's, pi_9 is co_2's; 10.00 USD each."""
    owners = {**{f"pi_{number}": "cus_1" for number in range(1, 6)}, "pi_9": "cus_2"}
    stripe.payments([{"id": name, "customer": c, "amount": 1000, "currency": "usd"} for name, c in owners.items()])
    path = tmp_path / "incident.csv"

    def call(text: str, *options: str) -> Answer:
        path.write_bytes(text.encode())
        return billing("refund", "--from-csv", str(path), "--confirm", *options)

    return call


def refunded(stripe: StripeDouble) -> dict[str, int]:
    made = stripe.refunds()
    assert len({refund["payment_intent"] for refund in made}) == len(made)
    return {refund["payment_intent"]: refund["amount"] for refund in made}


def results(tmp_path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((tmp_path / "incident.result.csv").read_text().splitlines()))


def test_every_line_is_carried_out_and_reported(refund_file: Refund, stripe: StripeDouble, tmp_path: Path) -> None:
    answer = refund_file(
        HEADER + "pi_1,duplicate,2.50,=HYPERLINK(x)\npi_2,requested_by_customer,,\npi_9,duplicate,1,\n"
    )
    assert answer.code == 0
    assert refunded(stripe) == {"pi_1": 250, "pi_2": 1000, "pi_9": 100}
    lines = results(tmp_path)
    assert [(line["line"], line["payment"], line["company"], line["amount"]) for line in lines] == [
        ("2", "pi_1", "co_1", "2.50"),
        ("3", "pi_2", "co_1", "10.00"),
        ("4", "pi_9", "co_2", "1.00"),
    ]
    assert lines[0]["note"] == "'=HYPERLINK(x)"
    assert {line["state"] for line in lines} == {"done"}
    assert {line["stripe_object_id"] for line in lines} == {refund["id"] for refund in stripe.refunds()}


def test_a_second_run_does_nothing_and_reports_the_same(
    refund_file: Refund, stripe: StripeDouble, tmp_path: Path
) -> None:
    text = HEADER + "pi_1,duplicate,2.50,\npi_2,duplicate,,\n"
    refund_file(text)
    before = results(tmp_path)
    again = refund_file(text)
    assert (again.code, again.document["finished"], again.document["intents"]) == (0, 2, [])
    assert refunded(stripe) == {"pi_1": 250, "pi_2": 1000}
    assert results(tmp_path) == before


def test_an_added_line_is_the_only_one_carried_out(refund_file: Refund, stripe: StripeDouble) -> None:
    refund_file(HEADER + "pi_1,duplicate,2.50,\n")
    answer = refund_file(HEADER + "pi_2,duplicate,1.00,\npi_1,duplicate,2.5,\n")
    assert (answer.code, len(answer.document["intents"])) == (0, 1)
    assert refunded(stripe) == {"pi_1": 250, "pi_2": 100}


def test_all_faulty_lines_are_named_at_once_and_nothing_is_written(
    refund_file: Refund, sql: Connection, stripe: StripeDouble
) -> None:
    answer = refund_file(
        HEADER + "pi_1,duplicate,2.50,\npi_2,duplicate,99,\npi_none,duplicate,,\npi_9,duplicate,0.001,\n"
    )
    assert (answer.code, stripe.refunds()) == (2, [])
    assert "3 of 4 lines" in answer.stderr
    assert all(f"line {number}:" in answer.stderr for number in (3, 4, 5))
    assert sql.execute("select count(*) from billing_intents").fetchone() == (0,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file is empty"),
        (HEADER, "no lines"),
        ("payment,amount\npi_1,1\n", "no column reason"),
        ("payment,reason,amout\npi_1,duplicate,1\n", "amout"),
        ("payment,payment,reason\npi_1,pi_1,duplicate\n", "twice"),
        (HEADER + "pi_1,duplicate,1,\npi_1,duplicate,2,\n", "on line 2 already"),
        (HEADER + "pi_1,because,1,\n", "no reason"),
        (HEADER + "pi_1,because,1x,\n", "line 2: '1x' is no amount"),
        (HEADER + "pi_1,duplicate\nre_1,duplicate,1,\n", "line 3: 're_1' is no payment intent and no charge"),
        (HEADER + "ch_none,duplicate,1,\n", "No such charge"),
        (HEADER + "pi_1,duplicate,1,\nch_1,duplicate,2,\n", "line 3: ch_1 is payment pi_1, which is on line 2 already"),
        (HEADER + 'pi_1,duplicate,"2,50",\n', "line 2: its amount 2,50 has a decimal comma: use a point"),
        (HEADER + "pi_1,duplicate,2,50,\n", "line 2: its amount 2,50 has a decimal comma: use a point"),
        ("payment,reason,amount\npi_1,duplicate,2,50\n", "line 2: its amount 2,50 has a decimal comma: use a point"),
        ("payment\treason\tamount\npi_1\tduplicate\t2,50\n", "its amount 2,50 has a decimal comma: use a point"),
        (
            "payment;reason;amount\npi_1;duplicate;2,50\npi_2;duplicate;2.50\n",
            "line 3: column amount: '2.50' is written",
        ),
        ("sep=;\npayment;reason\npi_1;because\n", "line 3: 'because' is no reason"),
        (HEADER + "pi_1,duplicate,-2.50,\n", "'-2.50' is no amount"),
        (HEADER + "pi_1,duplicate,2.50 EUR,\n", "line 2: column amount: '2.50 EUR' is no amount in USD"),
        (HEADER + "pi_1,duplicate,1,234.50,\n", "5 cells"),
        ("payment,reason,note,amount\npi_1,duplicate,paid 3,50,\n", "5 cells"),
        (HEADER + '"pi_1,duplicate,1,\n', "no CSV"),
        ("payment,reason,company\npi_1,duplicate,co_2\n", "not a payment of co_2"),
        ("payment,reason,amount_minor\npi_1,duplicate,1.5\n", "minor units"),
        ("payment,reason\npi_1,duplicate\x00\n", "reason"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    text: str, said: str, refund_file: Refund, stripe: StripeDouble, tmp_path: Path
) -> None:
    answer = refund_file(text)
    assert (answer.code, stripe.refunds()) == (2, [])
    assert said in answer.stderr
    assert not (tmp_path / "incident.result.csv").exists()


COMMAS = "payment,reason,amount,note\r\npi_1,duplicate,2.50,\r\n"
SEMICOLONS = "payment;reason;amount;note\r\npi_1;duplicate;2,50;\r\n"
TABS = "payment\treason\tamount\tnote\r\npi_1\tduplicate\t2.50\t\r\n"


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + COMMAS).encode(),
        ("\ufeff" + SEMICOLONS).encode(),
        TABS.encode("utf-16"),
        TABS.encode("utf-16-le"),
        TABS.encode("utf-16-be"),
        ("\ufeff" + TABS).encode("utf-16-be"),
        COMMAS.replace("\r\n", "\r").encode(),
        b"payment;reason;amount;note\npi_1;duplicate;2.50;\n",
        b'note,Amount,Reason,Payment\n"a, ""b""\nc",2.50,duplicate,pi_1\n\n',
        b"sep=;\r\n" + SEMICOLONS.encode(),
        b'"sep=\t"\r\n' + TABS.encode(),
        b"payment;reason;amount;;\npi_1;duplicate;2,50;;\n;;;;\n;;;;\n",
        b"payment;reason;amount\npi_1;duplicate;2.50;;\n;;\n",
        b"payment,reason,amount,,\npi_1,duplicate,$2.50,,\n",
        b"payment,reason,amount\nch_1,duplicate,2.50\n",
    ],
)
def test_what_spreadsheets_write_is_understood(
    content: bytes, refund_file: Refund, billing: Billing, stripe: StripeDouble, tmp_path: Path
) -> None:
    path = tmp_path / "incident.csv"
    path.write_bytes(content)
    answer = billing("refund", "--from-csv", str(path), "--confirm")
    assert (answer.code, answer.stderr.splitlines()[:-1]) == (0, [])
    assert refunded(stripe) == {"pi_1": 250}
    (line,) = results(tmp_path)
    assert (line["payment"], line["amount"], line["state"]) == ("pi_1", "2.50", "done")


def test_a_line_is_the_same_however_its_file_is_written(refund_file: Refund, stripe: StripeDouble) -> None:
    assert refund_file(COMMAS).code == 0
    again = refund_file(SEMICOLONS.replace("pi_1", "ch_1"))
    assert (again.code, again.document["finished"], again.document["intents"]) == (0, 1, [])
    assert refunded(stripe) == {"pi_1": 250}


def test_an_amount_that_could_be_read_in_two_ways_is_refused(refund_file: Refund, stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_kwd", "customer": "cus_1", "amount": 9_000_000, "currency": "kwd"}])
    answer = refund_file("payment;reason;amount\npi_kwd;duplicate;1.250\n")
    assert (answer.code, stripe.refunds()) == (2, [])
    assert "line 2, column amount: '1.250' could be read in two ways" in answer.stderr
    assert "Write all amounts with a point" in answer.stderr


def test_a_plan_of_a_file_is_applied_without_it(
    refund_file: Refund, billing: Billing, stripe: StripeDouble, tmp_path: Path
) -> None:
    path, plan = tmp_path / "incident.csv", str(tmp_path / "plan.json")
    path.write_text("payment;reason;amount\nch_1;duplicate;2,50\n")
    assert billing("refund", "--from-csv", str(path), "--plan-out", plan).code == 0
    assert billing("apply", plan, "--confirm").code == 0
    assert refunded(stripe) == {"pi_1": 250}


def test_a_line_that_stripe_refuses_does_not_keep_the_others(
    refund_file: Refund, stripe: StripeDouble, tmp_path: Path
) -> None:
    text = HEADER + "".join(f"pi_{number},duplicate,1.00,\n" for number in range(1, 6))
    stripe.fault(kind="status", status=402, count=1, endpoint="/v1/refunds", method="POST")
    answer = refund_file(text)
    assert answer.code == 3
    assert len(stripe.refunds()) == 4
    assert sorted(line["state"] for line in results(tmp_path)) == ["done"] * 4 + ["refused"]
    # A refused line is tried anew.
    assert refund_file(text).code == 0
    assert refunded(stripe) == {f"pi_{number}": 100 for number in range(1, 6)}


@given(st.text(max_size=200))
def test_any_text_is_a_list_of_refunds_or_refused_in_a_sentence(text: str) -> None:
    for candidate in (text, HEADER + text):
        try:
            assert read_refund_lines(candidate)
        except BadInput as error:
            assert error.message


def test_a_result_file_that_cannot_be_written_stops_it_before_money_moves(
    refund_file: Refund, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEADER + "pi_1,duplicate,2.50,\n"
    (tmp_path / "incident.result.csv").mkdir()
    assert "is a directory" in refund_file(text).stderr
    monkeypatch.setattr("os.fsync", _full_disk(after=0))
    answer = refund_file(text, "--result", str(tmp_path / "other.csv"))
    assert (answer.code, stripe.refunds()) == (78, [])
    assert "No space left on device" in answer.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["incident.csv", "incident.result.csv"]


def test_a_disk_that_runs_full_meanwhile_leaves_the_old_result_and_says_how_to_write_it(
    refund_file: Refund, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEADER + "pi_1,duplicate,2.50,\n"
    result = tmp_path / "it's.csv"
    result.write_text("of an earlier file\n")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", _full_disk(after=1))
        answer = refund_file(text, "--result", str(result))
    assert (answer.code, refunded(stripe)) == (5, {"pi_1": 250})
    assert result.read_text() == "of an earlier file\n"
    assert len(list(tmp_path.iterdir())) == 2
    words = ["billing", "refund", "--from-csv", str(tmp_path / "incident.csv"), "--result", str(result), "--confirm"]
    assert "LIVE=true " + shlex.join(words) in answer.stderr
    again = refund_file(text, "--result", str(result))
    assert (again.code, refunded(stripe)) == (0, {"pi_1": 250})
    assert "pi_1" in result.read_text()


def _full_disk(after: int) -> Callable[[int], None]:
    """In place of fsync: so many files go well."""
    left = [None] * after

    def fsync(handle: int) -> None:
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left.pop()

    return fsync


def test_a_file_that_another_run_is_at_is_one_sentence_and_one_command(
    refund_file: Refund, stripe: StripeDouble, sql: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    five = HEADER + "".join(f"pi_{number},duplicate,1.00,\n" for number in range(1, 6))
    assert refund_file(five).code == 0
    holder = "another-host/4026531836/1/1"
    sql.execute(
        "update billing_intents set state = 'sending', settled_at = null, stripe_object_id = null, claimed_by = %s, "
        "claimed_until = now() + interval '5 min'",
        (holder,),
    )
    six = tmp_path / "incident.csv"
    six.write_text(five + "pi_9,duplicate,1.00,\n")
    capsys.readouterr()
    assert run(["refund", "--from-csv", str(six), "--confirm"]) == 5
    out = capsys.readouterr().out
    assert "5 are open, begun before." in out
    assert f"Another run ({holder}) is at work on 5 of these." in out
    assert "begun by" in out
    assert [line for line in out.splitlines() if line.startswith("Next:")] == [
        f"Next: LIVE=true billing refund --from-csv {six} --confirm"
    ]
    assert len(refunded(stripe)) == 6
    assert run(["refund", "--from-csv", str(six), "--confirm"]) == 75
    assert "is at work on all 5 of these." in capsys.readouterr().err


def test_what_many_payments_share_is_warned_of_once(billing: Billing, stripe: StripeDouble, tmp_path: Path) -> None:
    money = {"customer": "cus_1", "amount": 1000, "currency": "usd"}
    stripe.payments([{**money, "id": f"pi_{n}"} for n in range(5)])
    line = [{"amount": 1000, "description": "usage"}]
    paid = {"customer": "cus_1", "status": "paid", "currency": "usd", "lines": line}
    stripe.invoices([{**paid, "id": f"in_{n}", "payment_intent": f"pi_{n}"} for n in range(5)])
    path = tmp_path / "many.csv"
    path.write_text("payment,reason\n" + "".join(f"pi_{n},duplicate\n" for n in range(5)))
    (warning,) = billing("refund", "--from-csv", str(path)).document["warnings"]
    assert warning.startswith("5 payments paid an invoice (pi_0, pi_1, pi_2, …): a credit note keeps the tax right")


def test_swapped_words_and_unknown_ids_are_answered_with_what_helps(billing: Billing) -> None:
    swapped = billing("refund", "pi_1", "co_1", "--reason", "duplicate")
    assert swapped.code == 2
    assert "Type: billing refund co_1 pi_1" in swapped.stderr
    unknown = billing("refund", "co_1", "pi_nope", "--reason", "duplicate")
    assert unknown.code == 2
    assert "Check the id: billing timeline COMPANY, or the Dashboard" in unknown.stderr


def test_a_charge_stands_for_its_payment_on_the_command_line(
    refund_file: Refund, billing: Billing, stripe: StripeDouble
) -> None:
    assert billing("refund", "co_1", "ch_1", "--amount", "2.50", "--reason", "duplicate", "--confirm").code == 0
    assert refunded(stripe) == {"pi_1": 250}


@pytest.fixture
def failing(refund_file: Refund, stripe: StripeDouble) -> str:
    """A file of which the refund of line 3 failed at the bank after it was made."""
    text = HEADER + "pi_1,duplicate,2.50,\npi_2,duplicate,,\n"
    assert refund_file(text).code == 0
    refund_id = next(refund["id"] for refund in stripe.refunds() if refund["payment_intent"] == "pi_2")
    stripe.refund_status(refund_id, "failed", "lost_or_stolen_card")
    return text


def test_the_same_file_after_a_refund_failed_names_the_line_and_the_banks_reason(
    failing: str,
    refund_file: Refund,
    stripe: StripeDouble,
    sql: Connection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        again = refund_file(failing)
        assert (again.code, again.document["finished"], again.document["intents"]) == (3, 2, [])
        (failed,) = again.document["failed"]
        assert (failed["subject"], failed["line_number"], failed["stripe_status"], failed["error"]) == (
            "pi_2",
            3,
            "failed",
            "lost_or_stolen_card",
        )
        first, second = results(tmp_path)
        assert (first["stripe_status"], first["error"]) == ("succeeded", "")
        assert (second["stripe_status"], second["error"]) == ("failed", "lost_or_stolen_card")
        assert run(["refund", "--from-csv", str(tmp_path / "incident.csv"), "--confirm"]) == 3
        assert "line 3, pi_2  10.00 USD" in (printed := capsys.readouterr().out)
        assert "failed: lost_or_stolen_card" in printed
    assert len(stripe.refunds()) == 2
    # Written down once: the adjustment is taken back.
    amounts = sql.execute("select amount_minor from billing_adjustments").fetchall()
    assert sorted(amounts) == [(-1000,), (-250,), (1000,)]


def test_a_failed_line_is_shown_without_a_gate_and_nothing_is_written(
    failing: str, billing: Billing, sql: Connection, tmp_path: Path
) -> None:
    answer = billing("refund", "--from-csv", str(tmp_path / "incident.csv"))
    assert (answer.code, [line["line_number"] for line in answer.document["failed"]]) == (3, [3])
    assert sql.execute("select count(*) from billing_adjustments").fetchone() == (2,)


def test_a_failed_line_is_tried_again_with_another_note(
    failing: str, refund_file: Refund, stripe: StripeDouble
) -> None:
    assert refund_file(failing.replace("pi_2,duplicate,,", "pi_2,duplicate,,new card")).code == 0
    assert len(stripe.refunds()) == 3


def test_a_repetition_of_a_failed_refund_is_not_called_done(
    refund_file: Refund, billing: Billing, stripe: StripeDouble
) -> None:
    words = ["refund", "co_1", "pi_1", "--amount", "2.50", "--reason", "duplicate"]
    assert billing(*words, "--confirm").code == 0
    stripe.refund_status(stripe.refunds()[0]["id"], "failed", "expired_or_canceled_card")
    again = billing(*words, "--confirm")
    assert again.code == 4
    assert "but is failed at Stripe: expired_or_canceled_card." in again.stderr
    assert "was done" not in again.stderr
    plan = billing(*words)
    assert billing(*words, "--confirm", "--expect", plan.document["digest"]).code == 0
    assert len(stripe.refunds()) == 2


def test_a_half_done_file_of_somebody_else_is_finished_without_it(
    refund_file: Refund,
    billing: Billing,
    stripe: StripeDouble,
    sql: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BILLING_ACTOR", "bob")
    stripe.fault(kind="status", status=401, endpoint="/v1/refunds", method="POST")
    text = HEADER + "pi_1,duplicate,2.50,\npi_2,duplicate,,\npi_9,duplicate,1,\n"
    assert refund_file(text).code == 78
    stripe.heal()
    sql.execute(
        "insert into billing_intents (intent_id, stripe_account_id, livemode, command, kind, company_id, subject, "
        "amount_minor, currency, in_favour_of_company, request, reason, plan_digest, actor) values ('int_other', "
        "'acct_other', false, 'refund', 'refund', 'co_1', 'pi_5', 1, 'usd', true, '{}', 'duplicate', 'd', 'eve')"
    )
    monkeypatch.setenv("BILLING_ACTOR", "ana")
    (tmp_path / "incident.csv").unlink()
    plan = billing("intents", "resume", "--all")
    assert (plan.code, {intent["subject"] for intent in plan.document["settles"]}) == (0, {"pi_1", "pi_2", "pi_9"})
    assert stripe.refunds() == []
    done = billing("intents", "resume", "--all", "--confirm")
    assert (done.code, {intent["state"] for intent in done.document["intents"]}) == (0, {"done"})
    assert refunded(stripe) == {"pi_1": 250, "pi_2": 1000, "pi_9": 100}
    assert billing("intents", "resume", "--all", "--confirm").document["intents"] == []
    # The owner of the file gets its result all the same.
    assert refund_file(text).code == 0
    assert {line["state"] for line in results(tmp_path)} == {"done"}


def test_all_that_stays_open_is_finished_by_the_same_words(
    refund_file: Refund, stripe: StripeDouble, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.money_mover._FIRST_WAIT_S", 0.001)
    stripe.fault(kind="status", status=503, endpoint="/v1/refunds", method="POST", stored=False)
    assert refund_file(HEADER + "pi_1,duplicate,2.50,\npi_2,duplicate,,\n").code == 5
    assert run(["intents", "resume", "--all", "--confirm"]) == 5
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("Next:")] == [
        "Next: LIVE=true billing intents resume --all --confirm"
    ]


@pytest.mark.parametrize("words", [[], ["int_1", "--all"]])
def test_resume_needs_one_intent_or_all(words: list[str], billing: Billing) -> None:
    answer = billing("intents", "resume", *words)
    assert (answer.code, "Give one intent, or --all." in answer.stderr) == (2, True)


def test_the_same_file_names_a_refund_that_waits_for_a_top_up(
    refund_file: Refund, stripe: StripeDouble, tmp_path: Path
) -> None:
    metadata = {"sandbox_refund": "pending", "sandbox_pending_reason": "insufficient_funds"}
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 1000, "currency": "usd", "metadata": metadata}])
    text = HEADER + "pi_1,duplicate,2.50,\n"
    for _ in range(2):
        assert refund_file(text).code == 3
        (line,) = results(tmp_path)
        assert (line["state"], line["stripe_status"]) == ("done", "pending")
        assert "top up the Stripe balance" in line["error"]
    stripe.refund_status(stripe.refunds()[0]["id"], "succeeded")
    assert refund_file(text).code == 0
