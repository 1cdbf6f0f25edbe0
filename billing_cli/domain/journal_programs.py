"""How the accounting programs that read a journal are set up: what billing.toml names of them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from billing_cli.domain.journal import Account

BeancountRoot = Literal["assets", "liabilities", "equity", "income", "expenses"]
BEANCOUNT_ROOTS: tuple[BeancountRoot, ...] = ("assets", "liabilities", "equity", "income", "expenses")


class DateOrder(StrEnum):
    """How QuickBooks writes dates in the company's country."""

    US = "MM/DD/YYYY"
    EUROPE = "DD/MM/YYYY"
    ISO = "YYYY-MM-DD"

    def written(self, day: date) -> str:
        """The day in this order."""
        return {self.US: f"{day:%m/%d/%Y}", self.EUROPE: f"{day:%d/%m/%Y}", self.ISO: day.isoformat()}[self]


@dataclass(frozen=True)
class Programs:
    """`bank` is the account that payouts arrive on. `beancount_roots` are the roots that a ledger renames, by theirs.

    `xero_tax_rate` is the name that the organisation's country has for no tax. `quickbooks_lines` is how many lines
    QuickBooks imports at once.
    """

    bank: Account | None = None
    beancount_roots: Mapping[BeancountRoot, str] = field(default_factory=dict)
    xero_tax_rate: str = "Tax Exempt"
    quickbooks_dates: DateOrder = DateOrder.US
    quickbooks_lines: int = 1_000

    def root_names(self) -> tuple[str, ...]:
        """The five roots as the ledger calls them."""
        return tuple(self.beancount_roots.get(root, root.capitalize()) for root in BEANCOUNT_ROOTS)


def is_beancount_account(name: str, roots: tuple[str, ...]) -> bool:
    """A root, then parts of letters, digits and hyphens that begin with a capital or a digit, in any script.

    Source: beancount.core.account, ACC_COMP_NAME_RE.
    """
    root, *parts = name.split(":")
    return root in roots and bool(parts) and all(map(_is_part, parts))


def is_beancount_root(name: str) -> bool:
    """As a part, but no digit comes first. Source: beancount.core.account, ACC_COMP_TYPE_RE."""
    return _is_part(name) and unicodedata.category(name[0]) == "Lu"


def _is_part(part: str) -> bool:
    kinds = [unicodedata.category(letter) for letter in part]
    rest = zip(part[1:], kinds[1:], strict=True)
    return kinds[:1] in (["Lu"], ["Nd"]) and all(kind[0] == "L" or kind == "Nd" or one == "-" for one, kind in rest)


def is_quickbooks_account(name: str) -> bool:
    """`Account`, or `Parent:Sub` without blanks around the colon."""
    return bool(name) and all(part and part == part.strip() for part in name.split(":"))


def is_hledger_account(name: str) -> bool:
    """Whether hledger reads the name as it stands: there is no way to quote one.

    Two blanks or a tab end a name, `;` may begin a comment, parentheses and brackets make a posting virtual, and `*`
    and `!` before a name are its status. Source: https://hledger.org/hledger.html#account-names
    """
    words = name.split(" ")
    printable = all(unicodedata.category(letter)[0] != "C" for letter in name)
    return all(words) and printable and name[0] not in "*!([;" and ";" not in name and " ".join(name.split()) == name
