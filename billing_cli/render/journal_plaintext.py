"""A journal for the programs of plain text accounting: beancount and hledger."""

from collections.abc import Iterator, Sequence

from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.journal import Account, Entry, Posting
from billing_cli.domain.journal_programs import Programs, is_beancount_account, is_hledger_account
from billing_cli.domain.money import exponent, major


def beancount(entries: Sequence[Entry], programs: Programs) -> str:
    """https://beancount.github.io/docs/beancount_language_syntax.html

    Accounts are not opened: beancount takes one `open` each, which is the main ledger's, and months are included there.
    """
    accounts = {posting.account.name: posting.account for _, posting in lines_of(entries)}
    for account in accounts.values():
        _check_beancount(account, programs)
    first = min((entry.day for entry in entries), default=None)
    # An included file is read with its own options.
    parts = [f'option "name_{root}" "{name}"\n' for root, name in sorted(programs.beancount_roots.items())]
    parts += ["; To be included in a ledger that opens these accounts, once:\n"]
    parts += [f"; {first} open {name}\n" for name in sorted(accounts)]
    for entry in entries:
        facts = {"entry_id": entry.entry_id, **entry.facts}
        lines = [f'{entry.day} * "Stripe" {_quoted(entry.memo)}']
        lines += [f"  {name}: {_quoted(value)}" for name, value in facts.items()]
        lines += [f"  {posting.account.name}  {_amount(entry, posting)}" for posting in entry.postings]
        parts.append("\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def _check_beancount(account: Account, programs: Programs) -> None:
    roots = programs.root_names()
    if not is_beancount_account(account.name, roots):
        raise Misconfigured(
            f"{account.name!r} is no account name that beancount takes.",
            f'Name it in billing.toml, under [gl.names]: "{account.code}" = "{roots[0]}:Stripe" (or {roots[3]}:…, '
            f"{roots[4]}:…). A ledger with other roots names them under [gl.beancount] roots.",
        )


def hledger(entries: Sequence[Entry], _: Programs) -> str:
    """https://hledger.org/hledger.html#journal"""
    names = sorted({_hledger_name(posting.account) for _, posting in lines_of(entries)})
    currencies = sorted({entry.currency for entry in entries})
    parts = ["decimal-mark .\n", *(f"commodity {_sample(currency)}\n" for currency in currencies)]
    parts += [f"account {name}\n" for name in names]
    for entry in entries:
        tags = ", ".join(f"{name}:{one_line(value)}" for name, value in entry.facts.items())
        lines = [f"{entry.day} * ({entry.entry_id}) {one_line(entry.memo).replace(';', ',')}"]
        lines += [f"    ; {tags}"] if tags else []
        lines += [f"    {_hledger_name(posting.account)}  {_amount(entry, posting)}" for posting in entry.postings]
        parts.append("\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def _sample(currency: str) -> str:
    """An amount that shows how the currency is written; it must have a decimal mark."""
    return f"1000.{'0' * exponent(currency)} {currency.upper()}"


def _hledger_name(account: Account) -> str:
    if not is_hledger_account(account.name):
        raise Misconfigured(
            f"{account.name!r} is no account name that hledger takes: it would read another one.",
            f'Name it in billing.toml, under [gl.names]: "{account.code}" = "assets:stripe".',
        )
    return account.name


def _amount(entry: Entry, posting: Posting) -> str:
    return f"{major(entry.money(posting))} {entry.currency.upper()}"


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def lines_of(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Posting]]:
    """Every posting with its entry."""
    return ((entry, posting) for entry in entries for posting in entry.postings)


def one_line(text: str) -> str:
    """Without line ends, tabs and repeated blanks."""
    return " ".join(text.split())
