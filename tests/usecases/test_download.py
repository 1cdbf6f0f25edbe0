"""Invoices as PDF: whose they are, what comes back, and what a second run fetches."""

import csv
import hashlib
import os
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.sandbox.stripe_control import ask

from .conftest import Answer, Billing

MONTH, FIRST = "2026-10", int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) - 1


def invoice(name: str, customer: str = "cus_1", status: str = "open", created: int = FIRST) -> dict[str, Any]:
    line = {"amount": 5000, "description": "usage"}
    return {"id": name, "customer": customer, "status": status, "currency": "usd", "lines": [line], "created": created}


@pytest.fixture
def place(billing: Billing, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Invoices at both edges of a month, of two companies, of a stranger, and a draft."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("billing_cli.adapters.stripe.invoice_pdf._TRIES", 2)
    stripe.bulk([{"id": "cus_stranger"}], [])
    stripe.invoices(
        [
            invoice("in_1"),
            invoice("in_2", "cus_2", "paid", LAST),
            invoice("in_before", created=FIRST - 1),
            invoice("in_after", created=LAST + 1),
            invoice("in_draft", status="draft"),
            invoice("in_stranger", "cus_stranger"),
        ]
    )
    return tmp_path


def fault(stripe: StripeDouble, kind: str | None, name: str = "*") -> None:
    ask(stripe.url, "POST", "pdf", {"invoice": name, "fault": kind})


def states(answer: Answer) -> dict[str, str]:
    return {line["invoice_id"]: line["state"] for line in answer.document["invoices"]}


def pdf_requests(stripe: StripeDouble) -> int:
    return sum(1 for line in stripe.log() if line["path"].startswith("/_pdf"))


def test_one_invoice(billing: Billing, place: Path) -> None:
    answer = billing("download-invoice", "co_1", "in_1")
    assert answer.code == 0
    file = place / answer.document["place"]
    assert file.read_bytes().startswith(b"%PDF-")
    assert file.stat().st_mode & 0o777 == 0o600
    assert billing("download-invoice", "co_1", "in_1", "-o", "mine.pdf").code == 0
    assert (place / "mine.pdf").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["co_2", "in_1"], 2),
        (["co_1", "in_nothing"], 2),
        (["co_nobody", "in_1"], 2),
        (["co_1", "in_draft"], 2),
        (["co_1"], 2),
        (["co_1", "in_1", "--month", MONTH], 2),
        (["--month", "2026-13"], 2),
        (["--month", "October"], 2),
    ],
)
def test_what_cannot_be_had_leaves_no_file(arguments: list[str], code: int, billing: Billing, place: Path) -> None:
    assert billing("download-invoice", *arguments).code == code
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("kind", ["html", "huge", "foreign_redirect", "loop"])
def test_what_is_no_pdf_of_stripes_is_refused(kind: str, billing: Billing, place: Path, stripe: StripeDouble) -> None:
    fault(stripe, kind)
    assert billing("download-invoice", "co_1", "in_1").code == 3
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("kind", ["truncated", "500"])
def test_what_fails_in_passing_is_tried_again(kind: str, billing: Billing, place: Path, stripe: StripeDouble) -> None:
    fault(stripe, kind)
    assert billing("download-invoice", "co_1", "in_1").code == 75
    assert list(place.iterdir()) == []
    assert pdf_requests(stripe) >= 2
    fault(stripe, None)
    assert billing("download-invoice", "co_1", "in_1").code == 0


@pytest.mark.parametrize("output", ["october", "october.zip"])
def test_a_month_of_all_companies_and_again(output: str, billing: Billing, place: Path, stripe: StripeDouble) -> None:
    first = billing("download-invoice", "--month", MONTH, "-o", output)
    assert first.code == 3  # somebody has to say whose the stranger is
    assert states(first) == {"in_1": "fetched", "in_2": "fetched", "in_stranger": "skipped"}
    files = contents(place / output)
    lines = list(csv.DictReader(files.pop("manifest.csv").decode().splitlines()))
    assert {line["file"]: line["sha256"] for line in lines if line["file"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert [line["total"] for line in lines] == ["50.00"] * 3

    before = pdf_requests(stripe)
    again = billing("download-invoice", "--month", MONTH, "-o", output)
    assert states(again) == {"in_1": "unchanged", "in_2": "unchanged", "in_stranger": "skipped"}
    assert pdf_requests(stripe) == before
    assert contents(place / output).keys() == {*files, "manifest.csv"}


def test_only_what_is_missing_or_changed_is_fetched_again(billing: Billing, place: Path, stripe: StripeDouble) -> None:
    stripe.invoices([invoice("in_3"), invoice("in_4")])
    first = billing("download-invoice", "co_1", "--month", MONTH)
    directory = place / f"invoices-{MONTH}"
    names = {line["invoice_id"]: line["file"] for line in first.document["invoices"]}
    (directory / names["in_1"]).unlink()
    (directory / names["in_3"]).write_bytes(b"%PDF- tampered %%EOF")
    untouched = (directory / names["in_4"]).stat().st_mtime_ns
    assert states(billing("download-invoice", "co_1", "--month", MONTH)) == {
        "in_1": "fetched",
        "in_3": "fetched",
        "in_4": "unchanged",
    }
    assert (directory / names["in_4"]).stat().st_mtime_ns == untouched
    stripe.invoices([{**invoice("in_4"), "status": "paid"}])
    assert Counter(states(billing("download-invoice", "co_1", "--month", MONTH)).values()) == {
        "unchanged": 2,
        "fetched": 1,
    }


def test_one_failure_does_not_keep_the_others(billing: Billing, place: Path, stripe: StripeDouble) -> None:
    fault(stripe, "500", "in_1")
    answer = billing("download-invoice", "--month", MONTH)
    assert answer.code == 5
    assert states(answer)["in_1"] == "failed"
    assert states(answer)["in_2"] == "fetched"
    fault(stripe, None, "in_1")
    assert states(billing("download-invoice", "--month", MONTH))["in_1"] == "fetched"


@pytest.mark.parametrize("kind", ["html", "huge", "foreign_redirect", "loop"])
def test_a_month_with_what_is_no_pdf_exits_3_and_keeps_the_others(
    kind: str, billing: Billing, place: Path, stripe: StripeDouble
) -> None:
    """5 would ask a scheduler to repeat it, and it would never end."""
    fault(stripe, kind, "in_1")
    answer = billing("download-invoice", "co_1", "--month", MONTH)
    assert answer.code == 3
    assert states(answer) == {"in_1": "skipped"}
    fault(stripe, None, "in_1")
    assert billing("download-invoice", "co_1", "--month", MONTH).code == 0


def test_an_expired_link_is_read_anew(
    billing: Billing, place: Path, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing_cli.adapters.stripe.invoice_pdf import HttpPdfFetcher

    fetch, calls = HttpPdfFetcher.fetch, 0

    def late(self: HttpPdfFetcher, url: str) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 1:
            stripe.clock(3600)
        return fetch(self, url)

    monkeypatch.setattr(HttpPdfFetcher, "fetch", late)
    assert billing("download-invoice", "co_1", "in_1").code == 0
    assert calls == 2


def test_files_cannot_leave_their_directory(billing: Billing, place: Path, sql: Connection) -> None:
    sql.execute("update billing_companies set company_id = '../../evil', name = '=cmd()' where company_id = 'co_1'")
    answer = billing("download-invoice", "../../evil", "--month", MONTH, "-o", "here")
    assert answer.code == 0
    assert {path.name for path in place.iterdir()} == {"here"}
    names = {path.name for path in (place / "here").iterdir()}
    assert all(name[0] not in "./" and ".." not in name for name in names)
    assert ",'=cmd()," in (place / "here" / "manifest.csv").read_text()


def test_a_link_is_not_written_through(billing: Billing, place: Path) -> None:
    victim = place / "victim"
    victim.write_text("precious")
    (place / "out.pdf").symlink_to(victim)
    assert billing("download-invoice", "co_1", "in_1", "-o", "out.pdf").code == 78
    assert victim.read_text() == "precious"


def test_a_file_that_is_no_zip_is_not_overwritten(billing: Billing, place: Path) -> None:
    (place / "notes.zip").write_text("my notes")
    assert billing("download-invoice", "--month", MONTH, "-o", "notes.zip").code == 78
    assert (place / "notes.zip").read_text() == "my notes"


def test_a_full_disk_leaves_nothing_half_written(
    billing: Billing, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = billing("download-invoice", "co_1", "in_1")
    assert answer.code == 78
    assert "No space left" in answer.stderr
    assert list(place.iterdir()) == []


def contents(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {file.name: file.read_bytes() for file in path.iterdir()}
    with zipfile.ZipFile(path) as found:
        return {name: found.read(name) for name in found.namelist()}
