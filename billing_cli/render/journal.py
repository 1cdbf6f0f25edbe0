"""A journal as files that accounting programs import; amounts are plain text in major units, never floats."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from billing_cli.domain.errors import BadInput, Misconfigured
from billing_cli.domain.journal import Entry, Posting
from billing_cli.domain.journal_programs import Programs
from billing_cli.domain.money import Money, major
from billing_cli.domain.spreadsheet import neutral
from billing_cli.render.journal_plaintext import beancount, hledger, lines_of, one_line

_DEFAULTS = Programs()
_QUICKBOOKS_LINES = 1_000
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


def _quickbooks(entries: Sequence[Entry], _: Programs) -> str:
    """QuickBooks Online, Import data → Journal entries."""
    count = sum(len(entry.postings) for entry in entries)
    if count > _QUICKBOOKS_LINES:
        raise BadInput(
            f"QuickBooks imports {_QUICKBOOKS_LINES:,} lines at once; this journal has {count:,}.",
            "Use --by category, or fewer days.",
        )
    head = ["*JournalNo", "*JournalDate", "*AccountName", "*Debits", "*Credits", "Description", "Name", "Currency"]
    lines = (
        [
            # The end of a Stripe id is what tells it apart.
            entry.entry_id[-_QUICKBOOKS_NUMBER_CHARS:],
            f"{entry.day:%m/%d/%Y}",
            posting.account.name,
            *_debit_credit(entry, posting),
            f"{entry.memo}: {posting.memo}",
            "",
            entry.currency.upper(),
        ]
        for entry, posting in lines_of(entries)
    )
    return _table(head, lines)


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
            *_debit_credit(entry, posting),
            posting.memo,
        ]
        for entry, posting in lines_of(entries)
    )
    return _table(head, lines)


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
