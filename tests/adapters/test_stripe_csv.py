"""Files of tests/data/stripe_csv: as Stripe writes them, and as spreadsheets write them afterwards."""

from pathlib import Path
from typing import Any

import pytest

from billing_cli.adapters.matching.stripe_csv import open_csv
from billing_cli.domain.errors import BadInput
from billing_cli.domain.stripe_export import ExportKind

DATA = Path(__file__).parents[1] / "data" / "stripe_csv"


def rows(name: str) -> list[dict[str, Any]]:
    return list(open_csv(DATA / f"{name}.csv", list(ExportKind)).rows())


@pytest.mark.parametrize(
    ("name", "amounts"),
    [
        ("thousands", [(100000, 3000), (12000, 0), (-100050, 0), (-1250, 0)]),
        ("european", [(123450, 3000), (12000, 0), (-1250, 0)]),
        ("swiss", [(123450, 3000), (500, 50)]),
        ("blanks", [(123450, 3000)]),
        ("leftovers", [(1250, 0), (250, 0)]),
        ("payments_renamed", [(150000, 4380)]),
    ],
)
def test_amounts_are_read_as_the_file_writes_them(name: str, amounts: list[tuple[int, int]]) -> None:
    assert [(row["amount_minor"], row["fee_minor"]) for row in rows(name)] == amounts


def test_renamed_columns_of_invoices_are_known() -> None:
    [invoice] = rows("invoices")
    assert (invoice["total_minor"], invoice["customer_id"], invoice["status"]) == (100000, "cus_1", "paid")
    assert invoice["created_s"] == 1790935200 + 86400


def test_an_offset_is_honoured() -> None:
    assert rows("offsets")[0]["created_s"] == rows("thousands")[0]["created_s"] + 7 * 3600


@pytest.mark.parametrize(
    ("name", "says", "next_step"),
    [
        (
            "two_ways",
            "line 2, column gross: '1.250' could be read in two ways, as 1,250 or 1,250,000",
            "before a spread",
        ),
        (
            "mixed",
            "line 3, column gross: '12,50' is written in another way than line 2, column gross: '1,234.50'",
            "agai",
        ),
        (
            "totals",
            "line 3: the row has no balance_transaction_id, created_utc, currency, reporting_category",
            "totals",
        ),
        ("total_named", "line 3: the row has no created_utc, currency, reporting_category", "totals"),
        (
            "us_dates",
            "line 2, column created_utc: '10/03/2026 10:00' could be read with the day or with",
            "time zone UTC",
        ),
        ("local_time", "lacks created_utc", "UTC as its time zone"),
        ("payments_german", "line 2, column Captured: 'WAHR' is neither true nor false", "from Stripe again"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(name: str, says: str, next_step: str) -> None:
    with pytest.raises(BadInput) as caught:
        rows(name)
    assert says in caught.value.message
    assert next_step in caught.value.next_step


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    text = (DATA / "mixed.csv").read_text().replace("ch_1,,", 'ch_1,"two\nlines",', 1)
    (tmp_path / "file.csv").write_text(text)
    with pytest.raises(BadInput, match="line 4, column gross"):
        list(open_csv(tmp_path / "file.csv", list(ExportKind)).rows())
