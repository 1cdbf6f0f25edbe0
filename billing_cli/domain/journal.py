"""Double entry from balance transactions: every entry balances in its one currency, in whole minor units."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from billing_cli.domain.balance_transaction import PAYMENTS_BALANCE, BalanceTransaction
from billing_cli.domain.errors import Fault, Misconfigured
from billing_cli.domain.money import Money
from billing_cli.domain.period import Window

# Accounts that are no category: the Stripe balance itself, and what Stripe keeps of a transaction. Balances beside that
# of payments have accounts of their own: `clearing_` with Stripe's name of them.
CLEARING, FEES, FEE_TAX = "clearing", "fees", "fee_tax"
# Where a role has no account of its own: what takes a thing back goes where the thing went.
_INSTEAD = {
    FEE_TAX: FEES,
    "fee": FEES,
    "network_cost": FEES,
    "charge_failure": "charge",
    "partial_capture_reversal": "charge",
    "refund_failure": "refund",
    "dispute_reversal": "dispute",
    "payout": "bank",
    "payout_reversal": "payout",
    "topup": "bank",
    "topup_reversal": "topup",
    "transfer_reversal": "transfer",
}


class Grouping(StrEnum):
    """What an entry is made of."""

    CATEGORY = "category"  # one entry a currency and period, one posting a category
    TRANSACTION = "transaction"  # one entry a balance transaction


@dataclass(frozen=True)
class Account:
    """`code` is the number in the chart of accounts, `name` what programs know that want names."""

    code: str
    name: str


@dataclass(frozen=True)
class Chart:
    """Which account a role goes to: a reporting category, `clearing` (or that of another balance), `fees`, `fee_tax` or
    `bank`.

    `suspense` takes those that nobody mapped.
    """

    accounts: Mapping[str, Account]
    suspense: Account | None = None

    def account(self, role: str) -> Account:
        """Raises Misconfigured naming the category."""
        found = self._mapped(role) or self.suspense
        if found is None:
            raise _unmapped([role])
        return found

    def check(self, roles: Iterable[str]) -> None:
        """Raises Misconfigured naming every role that has no account."""
        missing = [role for role in roles if self._mapped(role) is None]
        if missing and self.suspense is None:
            raise _unmapped(missing)

    def _mapped(self, role: str) -> Account | None:
        asked: str | None = role
        while asked is not None:
            if asked in self.accounts:
                return self.accounts[asked]
            asked = _INSTEAD.get(asked)
        return None


def _unmapped(roles: Iterable[str]) -> Misconfigured:
    return Misconfigured(
        f"No GL account is configured for {', '.join(map(repr, roles))}.",
        "Name one for each under [gl] in billing.toml, or a suspense account for all that have none: docs/journal.md.",
    )


@dataclass(frozen=True)
class Posting:
    """Debits are positive, credits negative."""

    account: Account
    amount_minor: int
    memo: str


@dataclass(frozen=True)
class Entry:
    """Postings add up to zero. `facts` go with the entry where a format can keep them (ids, exchange rates)."""

    entry_id: str
    day: date
    currency: str
    memo: str
    postings: tuple[Posting, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        off = sum(posting.amount_minor for posting in self.postings)
        if off:
            raise Fault(f"Entry {self.entry_id} is out of balance by {Money(off, self.currency).text}.")

    def money(self, posting: Posting) -> Money:
        return Money(posting.amount_minor, self.currency)


def journal(
    transactions: Iterable[BalanceTransaction], chart: Chart, period: Window, grouping: Grouping
) -> list[Entry]:
    """The entries of a period. Raises Misconfigured for a category without an account."""
    if grouping is Grouping.TRANSACTION:
        return [entry for one in transactions if (entry := _entry_of(one, chart)) is not None]
    return list(_entries_by_category(transactions, chart, period))


def roles_of(transactions: Iterable[BalanceTransaction]) -> list[str]:
    """Everything that needs an account, in the order of the chart."""
    found = {role for one in transactions for role, amount_minor in _amounts(one).items() if amount_minor}
    return sorted(found, key=lambda role: (not role.startswith(CLEARING), role))


def _entry_of(one: BalanceTransaction, chart: Chart) -> Entry | None:
    """Gross goes to the category, fees to their accounts, and the net to the Stripe balance."""
    facts = {
        "transaction": one.transaction_id,
        "category": one.category,
        "source": one.source_id or "",
        "payment": one.payment_id or "",
        "customer": one.customer_id or "",
        "payout": one.payout_id or "",
        "exchange_rate": one.exchange_rate or "",
        "balance": "" if one.balance_type == PAYMENTS_BALANCE else one.balance_type,
    }
    postings = [
        Posting(chart.account(role), amount_minor, role)
        for role, amount_minor in _amounts(one).items()
        if amount_minor != 0
    ]
    if not postings:
        return None
    known = {name: value for name, value in facts.items() if value}
    memo = f"Stripe {_words(one.category)} {one.source_id or one.transaction_id}"
    return Entry(one.transaction_id, one.created_at.date(), one.currency, memo, tuple(postings), known)


def _entries_by_category(transactions: Iterable[BalanceTransaction], chart: Chart, period: Window) -> Iterator[Entry]:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    counts: dict[str, int] = defaultdict(int)
    for one in transactions:
        counts[one.currency] += 1
        for role, amount_minor in _amounts(one).items():
            sums[one.currency][role] += amount_minor
    for currency, roles in sorted(sums.items()):
        postings = [
            Posting(chart.account(role), amount_minor, _words(role))
            for role, amount_minor in sorted(
                roles.items(), key=lambda item: (not item[0].startswith(CLEARING), item[0])
            )
            if amount_minor != 0
        ]
        if postings:
            entry_id = f"stripe-{period.start:%Y%m%d}-{period.last_day:%Y%m%d}-{currency}"
            memo = f"Stripe {period.start:%Y-%m-%d} to {period.last_day:%Y-%m-%d}, {currency.upper()}"
            facts = {"transactions": str(counts[currency])}
            yield Entry(entry_id, period.last_day, currency, memo, tuple(postings), facts)


def _amounts(one: BalanceTransaction) -> dict[str, int]:
    """Signed minor units by role; they add up to zero. Raises Fault where Stripe's own figures do not."""
    if one.net_minor != one.amount_minor - one.fee_minor:
        raise Fault(
            f"Balance transaction {one.transaction_id} does not add up: {one.amount_minor} gross, {one.fee_minor} "
            f"fee, {one.net_minor} net (minor units of {one.currency.upper()})."
        )
    return {
        _clearing(one): one.net_minor,
        one.category: -one.amount_minor,
        FEES: one.fee_minor - one.fee_tax_minor,
        FEE_TAX: one.fee_tax_minor,
    }


def _clearing(one: BalanceTransaction) -> str:
    """Its balance as a role: money on one balance is not money on another."""
    return CLEARING if one.balance_type == PAYMENTS_BALANCE else f"{CLEARING}_{one.balance_type}"


def _words(role: str) -> str:
    return role.replace("_", " ")
