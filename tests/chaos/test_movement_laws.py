"""Laws over every kind of movement, with crashes, retries and answers that prove nothing: one effect, as approved."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection, add_companies

from billing_cli.cli.app import run
from billing_cli.domain.movement import IntentKind, rule_of

from .test_money_laws import CRASHES, Crash, crashing

TOTAL = 1000
_NUMBERS = itertools.count()
LIES: list[dict[str, object]] = [
    {"lie": "page", "status": 404},
    {"lie": "page", "status": 200},
    {"lie": "conflict"},
    {"lie": "altered"},
    {"lie": "other"},
    {"lie": "cut"},
]


@dataclass(frozen=True)
class Place:
    """A company of its own, with a payment and an open invoice of `TOTAL` each."""

    number: int

    @property
    def company(self) -> str:
        return f"co_law_{self.number}"

    @property
    def customer(self) -> str:
        return f"cus_law_{self.number}"

    @property
    def payment(self) -> str:
        return f"pi_law_{self.number}"

    @property
    def invoice(self) -> str:
        return f"in_law_{self.number}"


@dataclass(frozen=True)
class Attempt:
    """A command, given twice if `again`; the process ends at `crash`, and `lie` answers in Stripe's place meanwhile.

    `arrives`: what was lied about was carried out all the same.
    """

    amount: int
    crash: tuple[str, str] | None
    lie: dict[str, object] | None
    arrives: bool
    again: bool


def _adjust(direction: str, instrument: str, *more: str) -> Callable[[Place, int], list[str]]:
    def words(place: Place, amount: int) -> list[str]:
        money = ["--amount", f"{amount // 100}.{amount % 100:02}", "--currency", "usd", "--reason", "law"]
        where = [word.replace("INVOICE", place.invoice) for word in more]
        return ["adjust", place.company, direction, *money, "--as", instrument, *where]

    return words


def _invoices(change: str) -> Callable[[Place, int], list[str]]:
    return lambda place, amount: ["invoices", change, place.company, place.invoice, "--reason", "law"]


def _refund(place: Place, amount: int) -> list[str]:
    return ["refund", place.company, place.payment, "--amount-minor", str(amount), "--reason", "duplicate"]


WORDS: dict[IntentKind, Callable[[Place, int], list[str]]] = {
    IntentKind.REFUND: _refund,
    IntentKind.CREDIT_NOTE: _adjust("credit", "credit-note", "--invoice", "INVOICE"),
    IntentKind.INVOICE_ITEM: _adjust("charge", "invoice-item"),
    IntentKind.BALANCE: _adjust("credit", "balance"),
    IntentKind.CREDIT_GRANT: _adjust("credit", "credit-grant"),
    IntentKind.MARK_PAID: _invoices("mark-paid"),
    IntentKind.VOID_INVOICE: _invoices("void"),
    IntentKind.MARK_UNCOLLECTIBLE: _invoices("mark-uncollectible"),
}
# What Stripe makes of a movement: its noun, and where its amount is.
MADE = {
    IntentKind.REFUND: "refund",
    IntentKind.CREDIT_NOTE: "credit_note",
    IntentKind.INVOICE_ITEM: "invoiceitem",
    IntentKind.BALANCE: "customer_balance_transaction",
    IntentKind.CREDIT_GRANT: "billing.credit_grant",
}
# What changes an invoice makes nothing: the event that tells of it.
TOLD = {
    IntentKind.MARK_PAID: "invoice.paid",
    IntentKind.VOID_INVOICE: "invoice.voided",
    IntentKind.MARK_UNCOLLECTIBLE: "invoice.marked_uncollectible",
}
ATTEMPTS = st.builds(
    Attempt, st.integers(1, TOTAL), CRASHES, st.none() | st.sampled_from(LIES), st.booleans(), st.booleans()
)


def test_the_laws_are_about_every_kind() -> None:
    assert set(WORDS) == set(MADE) | set(TOLD) == set(IntentKind)


@pytest.mark.parametrize("kind", IntentKind)
@given(attempts=st.lists(ATTEMPTS, min_size=1, max_size=4))
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_effect_for_each_intent_and_none_other_than_approved(
    kind: IntentKind,
    attempts: list[Attempt],
    db_url: str,
    sql: Connection,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = Place(next(_NUMBERS))
    _prepare(place, db_url, sql, stripe, monkeypatch)
    approved: list[int] = []
    for attempt in attempts:
        words = [*WORDS[kind](place, attempt.amount), "--confirm"]
        with suppress(Crash), crashing(attempt.crash), _lying(attempt, stripe):
            approved.append(attempt.amount)
            run(words)
        if attempt.again:
            approved.append(attempt.amount)
            run(words)
    _settle_all(place, sql)
    capsys.readouterr()
    if kind in MADE:
        _assert_made(kind, place, approved, sql, stripe)
    else:
        _assert_changed(kind, place, sql, stripe)


def _prepare(place: Place, db_url: str, sql: Connection, stripe: StripeDouble, patch: pytest.MonkeyPatch) -> None:
    if sql.execute("select count(*) from billing_companies").fetchone() == (0,):
        stripe.bulk(add_companies(sql, 1), [])
        patch.setattr("billing_cli.adapters.stripe.money_mover._FIRST_WAIT_S", 0.0001)
        for name, value in wire_environment(db_url, stripe.url).items():
            patch.setenv(name, value)
    stripe.bulk([{"id": place.customer}], [])
    sql.execute("insert into billing_companies values (%s, 'Law', %s, null)", (place.company, place.customer))
    stripe.payments([{"id": place.payment, "customer": place.customer, "amount": TOTAL, "currency": "usd"}])
    lines = [{"amount": TOTAL, "description": "usage"}]
    invoice = {"id": place.invoice, "customer": place.customer, "status": "open", "currency": "usd", "lines": lines}
    stripe.invoices([invoice])
    sql.execute(
        "insert into billing_invoices (invoice_id, company_id, status) values (%s, %s, 'open')",
        (place.invoice, place.company),
    )


@contextmanager
def _lying(attempt: Attempt, stripe: StripeDouble) -> Iterator[None]:
    if attempt.lie:
        stripe.fault(kind="gateway", endpoint="/v1/", method="POST", commit=attempt.arrives, **attempt.lie)
    try:
        yield
    finally:
        stripe.heal()


def _settle_all(place: Place, sql: Connection) -> None:
    """What is open still is resumed; a day later nothing is, because what is not at Stripe has lapsed."""
    for age in (None, "1 day"):
        if age:
            sql.execute(
                "update billing_intents set first_sent_at = first_sent_at - interval '1 day', claimed_until = now(), "
                "last_sent_at = last_sent_at - interval '1 day' where state in ('open', 'sending')"
            )
        for intent_id in _intents(place, sql, "open", "sending"):
            assert run(["intents", "resume", intent_id, "--confirm"]) in (0, 3, 5)
    assert _intents(place, sql, "open", "sending") == {}


def _intents(place: Place, sql: Connection, *states: str) -> dict[str, int]:
    """The amount of each intent in these states."""
    rows = sql.execute(
        "select intent_id, amount_minor from billing_intents where company_id = %s and state::text = any(%s)",
        (place.company, list(states)),
    )
    return dict(rows.fetchall())


def _assert_made(kind: IntentKind, place: Place, approved: list[int], sql: Connection, stripe: StripeDouble) -> None:
    done = _intents(place, sql, "done")
    named = [
        (one["metadata"]["billing_intent"], _amount(one))
        for one in stripe.objects(MADE[kind])
        if one["metadata"].get("company_id") == place.company
    ]
    # Each intent that is done is one object, and each object is an intent that is done.
    assert sorted(named) == sorted(done.items())
    for _, amount in named:
        approved.remove(amount)  # raises where it was moved more often than asked for
    rows = sql.execute(
        "select intent_id, abs(amount_minor) from billing_adjustments where company_id = %s", (place.company,)
    )
    assert dict(rows.fetchall()) == (done if rule_of(kind).books else {})


def _amount(made: Any) -> int:
    amount = made["amount"]
    return int(amount["monetary"]["value"]) if isinstance(amount, dict) else abs(amount)


def _assert_changed(kind: IntentKind, place: Place, sql: Connection, stripe: StripeDouble) -> None:
    done = _intents(place, sql, "done")
    v1: Any = stripe.client().v1
    told = [
        event.id
        for event in v1.events.list({"type": TOLD[kind], "limit": 100}).auto_paging_iter()
        if event.data.object.id == place.invoice
    ]
    assert len(done) == len(told) <= 1
    status, paid = v1.invoices.retrieve(place.invoice).status, TOLD[kind].removeprefix("invoice.")
    here = sql.execute("select status from billing_invoices where invoice_id = %s", (place.invoice,)).fetchone()
    after = {"paid": "paid", "voided": "void", "marked_uncollectible": "uncollectible"}[paid]
    assert status == (after if done else "open")
    assert here == (status,)
    assert sql.execute(
        "select count(*) from billing_adjustments where company_id = %s", (place.company,)
    ).fetchone() == (0,)
