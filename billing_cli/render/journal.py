"""A journal as files that accounting programs import; amounts are plain text in major units, never floats."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from billing_cli.domain.errors import BadInput, Misconfigured
from billing_cli.domain.journal import Account, Entry, Posting
from billing_cli.domain.money import Money, exponent, major
from billing_cli.domain.spreadsheet import neutral

_QUICKBOOKS_LINES = 1_000
_QUICKBOOKS_NUMBER_CHARS = 21
_BEANCOUNT_ACCOUNT = re.compile(r"(Assets|Liabilities|Equity|Income|Expenses)(:[\dA-Z][\w-]*)+", re.ASCII)
_FACTS = ("transaction", "category", "source", "payment", "customer", "payout", "exchange_rate")


class Format(StrEnum):
    """What a journal can be written as."""

    CSV = "csv"
    QUICKBOOKS = "quickbooks"
    XERO = "xero"
    NETSUITE = "netsuite"
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"


def write_journal(file_format: Format, entries: Sequence[Entry]) -> str:
    """The whole file.

    Raises BadInput for entries that the program would not import, Misconfigured for the names of accounts.
    """
    return _WRITERS[file_format](entries)


def _generic(entries: Sequence[Entry]) -> str:
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
        for entry, posting in _lines(entries)
    )
    return _table([*head, *_FACTS], lines)


def _quickbooks(entries: Sequence[Entry]) -> str:
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
        for entry, posting in _lines(entries)
    )
    return _table(head, lines)


def _xero(entries: Sequence[Entry]) -> str:
    """Xero, Manual journals → Import. Debits are positive, credits negative."""
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
            "Tax Exempt",
            major(entry.money(posting)),
            *[""] * 4,
        ]
        for entry, posting in _lines(entries)
    )
    return _table(head, lines, numbers=("*Amount",))


def _netsuite(entries: Sequence[Entry]) -> str:
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
        for entry, posting in _lines(entries)
    )
    return _table(head, lines)


def _beancount(entries: Sequence[Entry]) -> str:
    """https://beancount.github.io/docs/beancount_language_syntax.html

    Accounts are not opened: beancount takes one `open` each, which is the main ledger's, and months are included there.
    """
    accounts = {posting.account.name: posting.account for _, posting in _lines(entries)}
    for account in accounts.values():
        _check_beancount(account)
    first = min((entry.day for entry in entries), default=None)
    parts = ["; To be included in a ledger that opens these accounts, once:\n"]
    parts += [f"; {first} open {name}\n" for name in sorted(accounts)]
    for entry in entries:
        facts = {"entry_id": entry.entry_id, **entry.facts}
        lines = [f'{entry.day} * "Stripe" {_quoted(entry.memo)}']
        lines += [f"  {name}: {_quoted(value)}" for name, value in facts.items()]
        lines += [f"  {posting.account.name}  {_amount(entry, posting)}" for posting in entry.postings]
        parts.append("\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def _check_beancount(account: Account) -> None:
    if not _BEANCOUNT_ACCOUNT.fullmatch(account.name):
        raise Misconfigured(
            f"{account.name!r} is no account name that beancount takes.",
            f'Name it in billing.toml, under [gl.names]: "{account.code}" = "Assets:Stripe" (or Income:…, Expenses:…).',
        )


def _hledger(entries: Sequence[Entry]) -> str:
    """https://hledger.org/hledger.html#journal"""
    names = sorted({_hledger_name(posting.account) for _, posting in _lines(entries)})
    currencies = sorted({entry.currency for entry in entries})
    parts = ["decimal-mark .\n", *(f"commodity {_sample(currency)}\n" for currency in currencies)]
    parts += [f"account {name}\n" for name in names]
    for entry in entries:
        tags = ", ".join(f"{name}:{_one_line(value)}" for name, value in entry.facts.items())
        lines = [f"{entry.day} * ({entry.entry_id}) {_one_line(entry.memo).replace(';', ',')}"]
        lines += [f"    ; {tags}"] if tags else []
        lines += [f"    {_hledger_name(posting.account)}  {_amount(entry, posting)}" for posting in entry.postings]
        parts.append("\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def _sample(currency: str) -> str:
    """An amount that shows how the currency is written; it must have a decimal mark."""
    return f"1000.{'0' * exponent(currency)} {currency.upper()}"


def _hledger_name(account: Account) -> str:
    """Two spaces would end the name, a semicolon would begin a comment."""
    name = _one_line(account.name).replace(";", ",")
    if not name or name[0] in "([":
        raise Misconfigured(
            f"{account.name!r} is no account name that hledger takes.",
            f'Name it in billing.toml, under [gl.names]: "{account.code}" = "assets:stripe".',
        )
    return name


def _amount(entry: Entry, posting: Posting) -> str:
    return f"{major(entry.money(posting))} {entry.currency.upper()}"


def _lines(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Posting]]:
    return ((entry, posting) for entry in entries for posting in entry.postings)


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
        writer.writerow([cell if name in numbers else neutral(_one_line(cell)) for name, cell in cells])
    return out.getvalue()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return '"' + _one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS: Mapping[Format, Callable[[Sequence[Entry]], str]] = {
    Format.CSV: _generic,
    Format.QUICKBOOKS: _quickbooks,
    Format.XERO: _xero,
    Format.NETSUITE: _netsuite,
    Format.BEANCOUNT: _beancount,
    Format.HLEDGER: _hledger,
}
