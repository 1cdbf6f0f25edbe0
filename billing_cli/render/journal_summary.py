"""What is in a journal: accounts with their debits and credits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from billing_cli.domain.journal import Entry
from billing_cli.domain.money import Money
from billing_cli.domain.period import Window
from billing_cli.render.columns import Columns
from billing_cli.render.money import shown


@dataclass(frozen=True)
class JournalView:
    """Debits and credits of every account; both columns have the same sum."""

    period: Window
    entries: Sequence[Entry]
    place: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(f"{self.period.start:%Y-%m-%d} to {self.period.last_day:%Y-%m-%d}: {len(self.entries):,} entries")
        table = Columns()
        table.add_column("account")
        for name in ("debit", "credit"):
            table.add_column(name, justify="right")
        for account, currency, debit, credit in _sums(self.entries):
            table.add_row(account, shown(Money(debit, currency)), shown(Money(credit, currency)))
        if self.entries:
            yield table
        yield Text.assemble(("In ", "dim"), self.place)


def _sums(entries: Sequence[Entry]) -> Iterator[tuple[str, str, int, int]]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in entries:
        for posting in entry.postings:
            key, amount = (entry.currency, posting.account.name), posting.amount_minor
            debit, credit = sums.get(key, (0, 0))
            sums[key] = (debit + max(amount, 0), credit + max(-amount, 0))
    return ((name, currency, debit, credit) for (currency, name), (debit, credit) in sorted(sums.items()))


def journal_document(period: Window, entries: Sequence[Entry], place: str | None) -> dict[str, object]:
    return {
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "place": place,
        "entries": [
            {
                "entry_id": entry.entry_id,
                "date": entry.day.isoformat(),
                "memo": entry.memo,
                "postings": [
                    {
                        "account_code": posting.account.code,
                        "account_name": posting.account.name,
                        "memo": posting.memo,
                        "amount": entry.money(posting).document(),
                    }
                    for posting in entry.postings
                ],
                "facts": dict(entry.facts),
            }
            for entry in entries
        ],
    }
