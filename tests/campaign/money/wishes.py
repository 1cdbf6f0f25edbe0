"""What operators want: wishes, and the orders by which they ask for them."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PAID_INVOICES, PAYMENTS, OPEN_INVOICES, CUSTOMERS = 3, 8, 3, 3
CAPTURED = 10_000
REFUND, CREDIT_NOTE, BALANCE, ITEM, GRANT = "refund", "credit_note", "balance", "invoice_item", "credit_grant"
# Changes of an invoice: the command, and the moment that Stripe keeps of it.
CHANGES = {
    "mark_paid": ("mark-paid", "paid_at"),
    "void_invoice": ("void", "voided_at"),
    "mark_uncollectible": ("mark-uncollectible", "marked_uncollectible_at"),
}


@dataclass
class Wish:
    """One movement of money. `name` stands in the note or reason, and so in the program's list of intents."""

    name: str
    kind: str
    subject: str
    amount: int | None = None


@dataclass(frozen=True)
class Attempt:
    """One time that an order was given: when, by the clock of the machine, and where its plan is."""

    began_at: float
    plan: Path

    @property
    def planned_at(self) -> float:
        return self.plan.stat().st_mtime


@dataclass
class Order:
    """A command for one wish, or for a file of them. `answers` are the exit codes that its operator got."""

    words: list[str]
    wishes: list[Wish]
    answers: list[int | None] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    day: int = 0

    def words_now(self, directory: Path) -> list[str]:
        """The command, confirmed, with a file for the plan that this attempt makes."""
        plan = directory / f"{id(self)}_{len(self.attempts)}.json"
        self.attempts.append(Attempt(time.time(), plan))
        return [*self.words, "--confirm", "--plan-out", str(plan)]


class Desk:
    """Draws orders; every wish has a name of its own, so that no two are alike but those meant to be."""

    def __init__(self, dice: random.Random, directory: Path) -> None:
        self._dice, self._directory = dice, directory
        self._count = 0

    def order(self) -> Order:
        draw: Callable[[], Order] = self._dice.choice(
            (self._refund, self._refund, self._refund, self._by_credit_note, self._adjust, self._adjust, self._file,
             self._change, self._credit)
        )  # fmt: skip
        return draw()

    def rival(self, order: Order) -> Order:
        """Another operator on the same subject: with the same ticket, or with another one."""
        (wish, *_) = order.wishes
        if len(order.wishes) > 1 or self._dice.random() < 0.2:
            return Order(order.words, order.wishes)
        if wish.kind in CHANGES:
            return self._credit(wish.subject)
        if wish.kind in (BALANCE, ITEM, GRANT):
            return self._adjust(wish.subject)
        return self._refund(wish.subject) if wish.subject.startswith("pi_") else self._change(wish.subject)

    def _refund(self, payment: str | None = None) -> Order:
        wish = self._wish(REFUND, payment or self._payment(), whole=0.25)
        return Order(["--quiet", "refund", company_of(wish.subject), wish.subject, *_refund_words(wish)], [wish])

    def _by_credit_note(self) -> Order:
        payment = f"pi_{self._dice.randint(1, PAID_INVOICES)}"
        wish = self._wish(CREDIT_NOTE, payment)
        words = ["--quiet", "refund", company_of(payment), payment, *_refund_words(wish), "--via", "credit-note"]
        return Order(words, [wish])

    def _adjust(self, customer: str | None = None) -> Order:
        customer = customer or f"cus_{self._dice.randint(1, CUSTOMERS)}"
        wish = self._wish(self._dice.choice((BALANCE, ITEM, GRANT)), customer)
        ways = {ITEM: ["charge", "--as", "invoice-item"], BALANCE: ["credit", "--as", "balance"]}
        way = ways.get(wish.kind, ["credit", "--as", "credit-grant"])
        return self._adjustment(wish, way, customer.replace("cus_", "co_"))

    def _credit(self, invoice: str | None = None) -> Order:
        wish = self._wish(CREDIT_NOTE, invoice or self._open_invoice())
        return self._adjustment(wish, ["credit", "--invoice", wish.subject], company_of(wish.subject))

    def _adjustment(self, wish: Wish, way: list[str], company: str) -> Order:
        assert wish.amount is not None
        amount = f"{wish.amount // 100}.{wish.amount % 100:02}"
        words = ["--quiet", "adjust", company, *way, "--amount", amount, "--currency", "usd", "--reason", wish.name]
        return Order(words, [wish])

    def _change(self, invoice: str | None = None) -> Order:
        wish = Wish(self._name(), self._dice.choice(list(CHANGES)), invoice or self._open_invoice())
        words = [
            "--quiet",
            "invoices",
            CHANGES[wish.kind][0],
            company_of(wish.subject),
            wish.subject,
            "--reason",
            wish.name,
        ]
        return Order(words, [wish])

    def _file(self) -> Order:
        numbers = self._dice.sample(range(1, PAYMENTS + 1), self._dice.randint(2, PAYMENTS))
        wishes = [self._wish(REFUND, f"pi_{number}") for number in numbers]
        path = self._directory / f"{wishes[0].name}.csv"
        rows = [f"{wish.subject},duplicate,{wish.amount},{wish.name}" for wish in wishes]
        path.write_text("\n".join(["payment,reason,amount_minor,note", *rows, ""]))
        return Order(["--quiet", "refund", "--from-csv", str(path)], wishes)

    def _wish(self, kind: str, subject: str, whole: float = 0.0) -> Wish:
        amount = None if self._dice.random() < whole else self._dice.randint(100, CAPTURED // 2)
        return Wish(self._name(), kind, subject, amount)

    def _name(self) -> str:
        self._count += 1
        return f"wish {self._count}"

    def _payment(self) -> str:
        return f"pi_{self._dice.randint(1, PAYMENTS)}"

    def _open_invoice(self) -> str:
        return f"in_{self._dice.randint(PAID_INVOICES + 1, PAID_INVOICES + OPEN_INVOICES)}"


def customer_number(subject: str) -> int:
    """Payments and invoices belong to the customers in turn."""
    return int(subject.rpartition("_")[2]) % CUSTOMERS + 1


def company_of(subject: str) -> str:
    return f"co_{customer_number(subject)}"


def _refund_words(wish: Wish) -> list[str]:
    amount = [] if wish.amount is None else ["--amount-minor", str(wish.amount)]
    return [*amount, "--reason", "duplicate", "--note", wish.name]
