"""How the accounting programs that read a journal are set up: what billing.toml names of them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from billing_cli.domain.journal import Account

BeancountRoot = Literal["assets", "liabilities", "equity", "income", "expenses"]
BEANCOUNT_ROOTS: tuple[BeancountRoot, ...] = ("assets", "liabilities", "equity", "income", "expenses")


@dataclass(frozen=True)
class Programs:
    """`bank` is the account that payouts arrive on. `beancount_roots` are the roots that a ledger renames, by theirs.

    `xero_tax_rate` is the name that the organisation's country has for no tax.
    """

    bank: Account | None = None
    beancount_roots: Mapping[BeancountRoot, str] = field(default_factory=dict)
    xero_tax_rate: str = "Tax Exempt"

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


def is_hledger_account(name: str) -> bool:
    """Whether hledger reads the name as it stands: there is no way to quote one.

    Two blanks or a tab end a name, `;` may begin a comment, parentheses and brackets make a posting virtual, and `*`
    and `!` before a name are its status. Source: https://hledger.org/hledger.html#account-names
    """
    words = name.split(" ")
    printable = all(unicodedata.category(letter)[0] != "C" for letter in name)
    return all(words) and printable and name[0] not in "*!([;" and ";" not in name and " ".join(name.split()) == name
