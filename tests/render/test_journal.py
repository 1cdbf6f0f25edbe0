"""Journal files: balanced, exact, and as each program reads them."""

import csv
import io
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from beancount.core import data
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.domain.balance_transaction import CUSTOMER_MONEY, BalanceTransaction
from billing_cli.domain.errors import BadInput, Fault, Misconfigured
from billing_cli.domain.journal import Account, Chart, Entry, Grouping, Posting, journal, roles_of
from billing_cli.domain.journal_programs import DateOrder, Programs
from billing_cli.domain.money import exponent
from billing_cli.domain.period import window_from_month
from billing_cli.render.journal import Format, write_journal

BEAN_CHECK = str(Path(sys.executable).parent / "bean-check")
GOLDEN = Path(__file__).parent / "golden"
OCTOBER = window_from_month("2026-10")
CHART = Chart(
    {
        "clearing": Account("1050", "Assets:Stripe"),
        "bank": Account("1000", "Assets:Bank"),
        "fees": Account("6100", "Expenses:Stripe-Fees"),
        "fee_tax": Account("2200", "Assets:Input-Tax"),
        "charge": Account("4000", "Income:Sales"),
        "refund": Account("4010", "Income:Refunds"),
        "dispute": Account("4020", "Expenses:Disputes"),
    }
)


def one(number: int, category: str, gross: int, fee: int = 0, **more: Any) -> BalanceTransaction:
    at = datetime(2026, 10, 5, 9, tzinfo=UTC)
    transaction = BalanceTransaction(
        f"txn_{number:04d}", category, gross, fee, gross - fee, "usd", at, at, f"src_{number}"
    )
    return replace(transaction, **more)


TRANSACTIONS = [
    one(1, "charge", 125_050, 3_657, fee_tax_minor=300, payment_id="pi_1", customer_id="cus_1"),
    one(2, "refund", -5_000),
    one(3, "charge", 1_250, 50, currency="jpy"),
    one(4, "charge", 99_999, 3_000, exchange_rate="1.0825"),
    one(5, "dispute", -99_999, 1_500, source_id='=dp_"5", odd\nname'),
    one(6, "fee", -700),
    one(7, "payout", -112_843),
]


def sums(entries: list[Entry]) -> dict[tuple[str, str], Decimal]:
    """By currency and account name, in major units."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings:
            amount = Decimal(posting.amount_minor).scaleb(-exponent(entry.currency))
            found[entry.currency.upper(), posting.account.name] += amount
    return {key: amount for key, amount in found.items() if amount}


@pytest.mark.parametrize("grouping", Grouping)
def test_the_clearing_account_moves_by_what_was_earned_less_what_was_paid_out(grouping: Grouping) -> None:
    entries = journal(TRANSACTIONS, CHART, OCTOBER, grouping)
    found = sums(entries)
    usd = [each for each in TRANSACTIONS if each.currency == "usd"]
    assert found["USD", "Assets:Stripe"] == Decimal(sum(each.net_minor for each in usd)).scaleb(-2)
    assert found["USD", "Assets:Bank"] == Decimal("1128.43")
    assert found["USD", "Expenses:Stripe-Fees"] == Decimal("85.57") - 3 + 7 - Decimal("3.00") + Decimal("-1.00")
    assert found["USD", "Assets:Input-Tax"] == 3
    assert found["JPY", "Income:Sales"] == -1250
    assert len(entries) == (2 if grouping is Grouping.CATEGORY else 7)


def test_a_category_without_an_account_is_refused_by_name_or_goes_to_suspense() -> None:
    odd = [one(1, "issuing_transaction", -500)]
    with pytest.raises(Misconfigured, match="'issuing_transaction'"):
        journal(odd, CHART, OCTOBER, Grouping.CATEGORY)
    suspense = replace(CHART, suspense=Account("9999", "Equity:Suspense"))
    assert sums(journal(odd, suspense, OCTOBER, Grouping.CATEGORY))["USD", "Equity:Suspense"] == 5


@pytest.mark.parametrize("grouping", Grouping)
def test_balances_are_kept_apart(grouping: Grouping) -> None:
    prefunded = [one(1, "refund", -5_000, balance_type="refund_and_dispute_prefunding"), one(2, "refund", -700)]
    with pytest.raises(Misconfigured, match="'clearing_refund_and_dispute_prefunding'"):
        CHART.check(roles_of(prefunded))
    own = {**CHART.accounts, "clearing_refund_and_dispute_prefunding": Account("1055", "Assets:Prefunding")}
    found = sums(journal(prefunded, Chart(own), OCTOBER, grouping))
    assert found == {
        ("USD", "Assets:Prefunding"): -50,
        ("USD", "Assets:Stripe"): -7,
        ("USD", "Income:Refunds"): 57,
    }


def test_what_does_not_add_up_is_never_booked() -> None:
    with pytest.raises(Fault, match="does not add up"):
        journal([replace(one(1, "charge", 100), net_minor=99)], CHART, OCTOBER, Grouping.TRANSACTION)
    with pytest.raises(Fault, match=r"out of balance by 0\.01 USD"):
        Entry("e", date(2026, 10, 1), "usd", "", (Posting(CHART.accounts["fees"], 1, ""),))


@pytest.mark.parametrize("file_format", Format)
@pytest.mark.parametrize("grouping", Grouping)
def test_every_format_is_as_its_golden_file(file_format: Format, grouping: Grouping) -> None:
    wanted = [each for each in TRANSACTIONS if file_format is not Format.XERO or each.currency == "usd"]
    text = write_journal(file_format, journal(wanted, CHART, OCTOBER, grouping))
    assert text == (GOLDEN / f"journal_{grouping}.{file_format}").read_text(encoding="utf-8")


def opened(text: str) -> str:
    """With the accounts open that its comments name."""
    return re.sub("^; (.* open .*)$", r"\1", text, flags=re.MULTILINE)


def two_months(file_format: Format) -> Iterator[str]:
    for month in ("2026-10", "2026-11"):
        entries = journal(TRANSACTIONS, CHART, window_from_month(month), Grouping.CATEGORY)
        yield write_journal(file_format, entries)


def test_months_are_included_in_a_beancount_ledger_that_opens_their_accounts(tmp_path: Path) -> None:
    months = list(two_months(Format.BEANCOUNT))
    main = [line.removeprefix("; ") for line in months[0].splitlines() if " open " in line]
    assert len(main) == len(CHART.accounts)
    for number, month in enumerate(months):
        (tmp_path / f"{number}.beancount").write_text(month)
        main.append(f'include "{number}.beancount"')
    (tmp_path / "main.beancount").write_text("\n".join(main) + "\n")
    loaded, errors, _ = loader.load_file(str(tmp_path / "main.beancount"))
    assert (errors, sum(isinstance(each, data.Transaction) for each in loaded)) == ([], 4)


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed here")
def test_months_are_included_in_an_hledger_journal(tmp_path: Path) -> None:
    for number, month in enumerate(two_months(Format.HLEDGER)):
        (tmp_path / f"{number}.journal").write_text(month)
    (tmp_path / "main.journal").write_text("account Assets:Stripe\ninclude 0.journal\ninclude 1.journal\n")
    words = ["hledger", "-f", str(tmp_path / "main.journal"), "check", "--strict"]
    subprocess.run(words, check=True, capture_output=True)


def beans(name: str, programs: Programs, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    """bean-check of a ledger that includes a month with this account."""
    chart = replace(CHART, accounts={**CHART.accounts, "charge": Account("4000", name)})
    roots = {"Assets": programs.root_names()[0], "Expenses": programs.root_names()[4]}
    renamed = {
        role: Account(
            each.code, roots.get(each.name.split(":")[0], each.name.split(":")[0]) + each.name[each.name.index(":") :]
        )
        for role, each in chart.accounts.items()
    }
    entries = journal(TRANSACTIONS, Chart(renamed), OCTOBER, Grouping.TRANSACTION)
    text = write_journal(Format.BEANCOUNT, entries, programs)
    (tmp_path / "month.beancount").write_text(text, encoding="utf-8")
    options = [line for line in text.splitlines() if line.startswith("option")]
    opens = [line.removeprefix("; ") for line in text.splitlines() if " open " in line]
    main = tmp_path / "main.beancount"
    main.write_text("\n".join([*options, *opens, 'include "month.beancount"']) + "\n", encoding="utf-8")
    return subprocess.run([BEAN_CHECK, str(main)], capture_output=True, text=True)


@pytest.mark.parametrize(
    "name", ["Income:Verkäufe", "Income:Ünbar-2", "Income:Пример", "Income:4000", "Income:A:Bé:C9", "Income:Ж"]
)
def test_account_names_of_any_script_that_bean_check_takes_are_taken(name: str, tmp_path: Path) -> None:
    checked = beans(name, Programs(), tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_renamed_roots_are_those_of_the_ledger(tmp_path: Path) -> None:
    programs = Programs(beancount_roots={"assets": "Vermögen", "expenses": "Ausgaben"})
    checked = beans("Income:Sales", programs, tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    "name",
    ["Income", "Income:", "Income:sales", "Income:银行", "Income:A_b", "Income:A b", "Aktiva:Bank", "Income::A", ""],
)
def test_account_names_that_bean_check_refuses_are_refused(name: str) -> None:
    chart = replace(CHART, accounts={**CHART.accounts, "charge": Account("4000", name)})
    with pytest.raises(Misconfigured, match="no account name that beancount takes"):
        write_journal(Format.BEANCOUNT, journal(TRANSACTIONS, chart, OCTOBER, Grouping.CATEGORY))


MISREAD = ["* starred", "! bang", "a  b", "a\tb", "(v)", "[v]", ";c", "a;b", " a", "a ", "", "a\nb", "a\u200bb"]


@pytest.mark.parametrize("name", MISREAD)
def test_names_that_hledger_would_misread_are_refused(name: str) -> None:
    chart = replace(CHART, accounts={**CHART.accounts, "charge": Account("4000", name)})
    with pytest.raises(Misconfigured, match="no account name that hledger takes"):
        write_journal(Format.HLEDGER, journal(TRANSACTIONS, chart, OCTOBER, Grouping.CATEGORY))


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed here")
@pytest.mark.parametrize(
    "name", ["assets:stripe test", "a!b", "a*", "einnahmen:verkäufe", "4000", "a|b", '"q"', "银行"]
)
def test_names_that_are_taken_are_read_by_hledger_as_they_stand(name: str, tmp_path: Path) -> None:
    chart = replace(CHART, accounts={**CHART.accounts, "charge": Account("4000", name)})
    text = write_journal(Format.HLEDGER, journal(TRANSACTIONS, chart, OCTOBER, Grouping.TRANSACTION))
    (tmp_path / "books.journal").write_text(text, encoding="utf-8")
    base = ["hledger", "-f", str(tmp_path / "books.journal")]
    utf8 = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    subprocess.run([*base, "check", "--strict"], check=True, capture_output=True, env=utf8)
    out = subprocess.run([*base, "accounts", "--used"], check=True, capture_output=True, text=True, env=utf8).stdout
    assert name in out.splitlines()


def test_quickbooks_gets_its_dates_and_accounts_and_no_number_twice() -> None:
    entries = journal(TRANSACTIONS, CHART, OCTOBER, Grouping.TRANSACTION)
    for order, day in (
        (DateOrder.US, "10/05/2026"),
        (DateOrder.EUROPE, "05/10/2026"),
        (DateOrder.ISO, "2026-10-05"),
    ):
        text = write_journal(Format.QUICKBOOKS, entries, Programs(quickbooks_dates=order))
        assert {row["*JournalDate"] for row in csv.DictReader(io.StringIO(text))} == {day}
    with pytest.raises(BadInput, match="imports 5 lines at once"):
        write_journal(Format.QUICKBOOKS, entries, Programs(quickbooks_lines=5))
    with pytest.raises(BadInput, match="2 entries would have the journal number"):
        write_journal(Format.QUICKBOOKS, [*entries, entries[0]])
    for name in ("Income : Sales", "Income:", ":Sales", ""):
        chart = replace(CHART, accounts={**CHART.accounts, "charge": Account("4000", name)})
        with pytest.raises(Misconfigured, match="no account name that QuickBooks finds"):
            write_journal(Format.QUICKBOOKS, journal(TRANSACTIONS, chart, OCTOBER, Grouping.CATEGORY))


def test_netsuite_gets_two_decimals_or_nothing() -> None:
    exact = [one(1, "charge", 12_340, 560, currency="kwd")]
    text = write_journal(Format.NETSUITE, journal(exact, CHART, OCTOBER, Grouping.CATEGORY))
    assert {row["Debit"] for row in csv.DictReader(io.StringIO(text))} == {"11.78", "0.56", ""}
    with pytest.raises(BadInput, match=r"two decimals; 12\.341 has three|two decimals; 11\.781 has three"):
        write_journal(
            Format.NETSUITE, journal([one(1, "charge", 12_341, 560, currency="kwd")], CHART, OCTOBER, Grouping.CATEGORY)
        )


def test_xero_gets_the_tax_rate_of_its_country_and_no_bank_account() -> None:
    usd = [each for each in TRANSACTIONS if each.currency == "usd"]
    entries = journal(usd, CHART, OCTOBER, Grouping.CATEGORY)
    for rate in ("No VAT", "No GST", "BAS Excluded", "Tax Exempt"):
        rows = list(csv.DictReader(io.StringIO(write_journal(Format.XERO, entries, Programs(xero_tax_rate=rate)))))
        assert {row["*TaxRate"] for row in rows} == {rate}
    with pytest.raises(
        Misconfigured, match="no bank account in a manual journal, and the journal posts to 'Assets:Bank'"
    ):
        write_journal(Format.XERO, entries, Programs(bank=CHART.accounts["bank"]))
    between = replace(CHART, accounts={**CHART.accounts, "payout": Account("1051", "Payouts under way")})
    assert write_journal(
        Format.XERO, journal(usd, between, OCTOBER, Grouping.CATEGORY), Programs(bank=CHART.accounts["bank"])
    )


@pytest.mark.parametrize("grouping", Grouping)
def test_beancount_takes_it_and_has_the_same_balances(grouping: Grouping) -> None:
    entries = journal(TRANSACTIONS, CHART, OCTOBER, grouping)
    loaded, errors, _ = loader.load_string(opened(write_journal(Format.BEANCOUNT, entries)))
    assert errors == []
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in loaded:
        if isinstance(entry, data.Transaction):
            for posting in entry.postings:
                assert posting.units is not None
                found[posting.units.currency, posting.account] += posting.units.number or 0
    assert {key: amount for key, amount in found.items() if amount} == sums(entries)


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed here")
@pytest.mark.parametrize("grouping", Grouping)
def test_hledger_takes_it_and_has_the_same_balances(grouping: Grouping, tmp_path: Path) -> None:
    entries = journal(TRANSACTIONS, CHART, OCTOBER, grouping)
    (tmp_path / "books.journal").write_text(write_journal(Format.HLEDGER, entries))
    base = ["hledger", "-f", str(tmp_path / "books.journal")]
    subprocess.run([*base, "check", "--strict"], check=True, capture_output=True)
    words = ["bal", "--flat", "--no-total", "--layout", "bare", "-O", "csv"]
    out = subprocess.run([*base, *words], check=True, capture_output=True, text=True).stdout
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {(row["commodity"], row["account"]): Decimal(row["balance"]) for row in rows} == sums(entries)


transactions = st.lists(
    st.builds(
        one,
        st.integers(0, 9999),
        st.sampled_from(sorted(CUSTOMER_MONEY | {"payout", "fee"})),
        st.integers(-(10**9), 10**9),
        st.integers(0, 10**6),
        currency=st.sampled_from(["usd", "jpy", "bhd"]),
    ),
    max_size=20,
)


@settings(max_examples=30, deadline=None)
@given(transactions, st.sampled_from(Grouping))
def test_debits_are_credits_in_every_currency(found: list[BalanceTransaction], grouping: Grouping) -> None:
    entries = journal(found, CHART, OCTOBER, grouping)
    rows = list(csv.DictReader(io.StringIO(write_journal(Format.CSV, entries))))
    read: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        read[row["currency"], row["account_name"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    assert {key: amount for key, amount in read.items() if amount} == sums(entries)
    for currency in ("USD", "JPY", "BHD"):
        assert sum(amount for (code, _), amount in read.items() if code == currency) == 0


def test_what_a_program_would_not_import_is_refused() -> None:
    entries = journal(TRANSACTIONS, CHART, OCTOBER, Grouping.TRANSACTION)
    with pytest.raises(BadInput, match="JPY, USD"):
        write_journal(Format.XERO, entries)
    with pytest.raises(BadInput, match="1,000 lines"):
        write_journal(Format.QUICKBOOKS, entries * 60)
    plain = journal(TRANSACTIONS, Chart({}, Account("9999", "9999")), OCTOBER, Grouping.CATEGORY)
    with pytest.raises(Misconfigured, match="'9999' is no account name that beancount takes"):
        write_journal(Format.BEANCOUNT, plain)
    odd = journal(TRANSACTIONS, Chart({}, Account("9999", "(9999)")), OCTOBER, Grouping.CATEGORY)
    with pytest.raises(Misconfigured, match="no account name that hledger takes"):
        write_journal(Format.HLEDGER, odd)
