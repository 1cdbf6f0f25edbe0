"""A journal as files that accounting programs import; amounts are plain text in major units, never floats."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from billing_cli.domain.errors import BadInput, Misconfigured
from billing_cli.domain.journal import Entry, Posting
from billing_cli.domain.journal_programs import Programs, is_quickbooks_account
from billing_cli.domain.money import Money, major
from billing_cli.domain.spreadsheet import neutral
from billing_cli.render.journal_plaintext import beancount, hledger, lines_of, one_line

_DEFAULTS = Programs()
_QUICKBOOKS_NUMBER_CHARS = 21
_FACTS = ("transaction", "category", "source", "payment", "customer", "payout", "exchange_rate")


class Format(StrEnum):
    """What a journal can be written as."""

    CSV = "csv"
    QUICKBOOKS = "quickbooks"
    XERO = "xero"
    NETSUITE = "netsuite"
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"


def write_journal(file_format: Format, entries: Sequence[Entry], programs: Programs = _DEFAULTS) -> str:
    """The whole file.

    Raises BadInput for entries that the program would not import, Misconfigured for the names of accounts.
    """
    return _WRITERS[file_format](entries, programs)


def _generic(entries: Sequence[Entry], _: Programs) -> str:
    head = ["date", "entry_id", "account_code", "account_name", "debit", "credit", "currency", "memo", "line_memo"]
    lines = (
        [
            entry.day.isoformat(),
            entry.entry_id,
            posting.account.code,
            posting.account.name,
            *_debit_credit(entry, posting),
            entry.currency.upper(),
            entry.memo,
            posting.memo,
            *(entry.facts.get(name, "") for name in _FACTS),
        ]
        for entry, posting in lines_of(entries)
    )
    return _table([*head, *_FACTS], lines)


def _quickbooks(entries: Sequence[Entry], programs: Programs) -> str:
    """QuickBooks Online, Import data → Journal entries."""
    count = sum(len(entry.postings) for entry in entries)
    if count > programs.quickbooks_lines:
        raise BadInput(
            f"QuickBooks imports {programs.quickbooks_lines:,} lines at once; this journal has {count:,}.",
            "Use --by category, or fewer days.",
        )
    _check_quickbooks(entries)
    head = ["*JournalNo", "*JournalDate", "*AccountName", "*Debits", "*Credits", "Description", "Name", "Currency"]
    lines = (
        [
            _quickbooks_number(entry),
            programs.quickbooks_dates.written(entry.day),
            posting.account.name,
            *_debit_credit(entry, posting),
            f"{entry.memo}: {posting.memo}",
            "",
            entry.currency.upper(),
        ]
        for entry, posting in lines_of(entries)
    )
    return _table(head, lines)


def _check_quickbooks(entries: Sequence[Entry]) -> None:
    names = {posting.account.name: posting.account for _, posting in lines_of(entries)}
    for account in names.values():
        if not is_quickbooks_account(account.name):
            raise Misconfigured(
                f"{account.name!r} is no account name that QuickBooks finds.",
                f'Name it in billing.toml, under [gl.names]: "{account.code}" = "Parent:Sub".',
            )
    numbers = Counter(map(_quickbooks_number, entries))
    number, times = max(numbers.items(), key=lambda each: each[1], default=("", 0))
    if times > 1:
        raise BadInput(f"{times:,} entries would have the journal number {number}.", "Use --by category.")


def _quickbooks_number(entry: Entry) -> str:
    """The end of a Stripe id is what distinguishes it."""
    return entry.entry_id[-_QUICKBOOKS_NUMBER_CHARS:]


def _xero(entries: Sequence[Entry], programs: Programs) -> str:
    """Xero, Manual journals → Import. Debits are positive, credits negative."""
    _check_bank(entries, programs)
    currencies = sorted({entry.currency.upper() for entry in entries})
    if len(currencies) > 1:
        raise BadInput(
            f"Xero's manual journals have one currency; this journal has {', '.join(currencies)}.",
            f"Write one file for each: --currency {currencies[0].lower()}.",
        )
    head = ["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"]
    head += ["TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2"]
    lines = (
        [
            f"{entry.memo} ({entry.entry_id})",
            f"{entry.day:%d/%m/%Y}",
            posting.memo,
            posting.account.code,
            programs.xero_tax_rate,
            major(entry.money(posting)),
            *[""] * 4,
        ]
        for entry, posting in lines_of(entries)
    )
    return _table(head, lines, numbers=("*Amount",))


def _check_bank(entries: Sequence[Entry], programs: Programs) -> None:
    """Xero refuses its bank accounts in manual journals: payouts wait on an account between."""
    bank = programs.bank
    if bank is not None and any(posting.account == bank for _, posting in lines_of(entries)):
        raise Misconfigured(
            f"Xero takes no bank account in a manual journal, and the journal posts to {bank.name!r}, which is `bank`.",
            'Name a clearing account for payouts under [gl] in billing.toml, for example payout = "1051", and in Xero '
            "match the bank statement against it: docs/journal.md.",
        )


def _netsuite(entries: Sequence[Entry], _: Programs) -> str:
    """NetSuite, Import CSV records → Transactions → Journal entry; lines of one External ID are one entry."""
    head = ["External ID", "Date", "Currency", "Memo", "Account", "Debit", "Credit", "Line Memo"]
    lines = (
        [
            entry.entry_id,
            f"{entry.day:%m/%d/%Y}",
            entry.currency.upper(),
            entry.memo,
            posting.account.code,
            *map(_two_decimals, _debit_credit(entry, posting)),
            posting.memo,
        ]
        for entry, posting in lines_of(entries)
    )
    return _table(head, lines)


def _two_decimals(amount: str) -> str:
    """NetSuite's amounts have two decimals at most; Stripe's third one is nearly always 0."""
    whole, _, fraction = amount.partition(".")
    if len(fraction) < 3:
        return amount
    if fraction[2] != "0":
        raise BadInput(f"NetSuite takes two decimals; {amount} has three.", "Book this currency by hand, or as csv.")
    return f"{whole}.{fraction[:2]}"


def _debit_credit(entry: Entry, posting: Posting) -> tuple[str, str]:
    amount = major(Money(abs(posting.amount_minor), entry.currency))
    return (amount, "") if posting.amount_minor > 0 else ("", amount)


def _table(head: Sequence[str], lines: Iterator[list[str]], numbers: Sequence[str] = ()) -> str:
    """Text cells cannot become formulas; `numbers` are columns whose minus sign is meant."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for line in lines:
        cells = zip(head, line, strict=True)
        writer.writerow([cell if name in numbers else neutral(one_line(cell)) for name, cell in cells])
    return out.getvalue()


_WRITERS: Mapping[Format, Callable[[Sequence[Entry], Programs], str]] = {
    Format.CSV: _generic,
    Format.QUICKBOOKS: _quickbooks,
    Format.XERO: _xero,
    Format.NETSUITE: _netsuite,
    Format.BEANCOUNT: beancount,
    Format.HLEDGER: hledger,
}
