"""Payments and invoices to rehearse on: some for each company that has a customer, in Postgres and Stripe alike."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from billing_cli.sandbox.stripe_control import ask

if TYPE_CHECKING:
    import psycopg

TAX_PERCENT = 19
DRAFT_EVERY = 5
SPREAD_DAYS = 56

PAYMENTS = """
insert into billing_payments (payment_intent_id, company_id, amount_minor, refunded_minor, currency, status, created_at)
select id, company_id, amount, 0, currency, 'succeeded', to_timestamp(created)
from jsonb_to_recordset(%s::jsonb) as row(id text, company_id text, amount bigint, currency text, created bigint)
on conflict (payment_intent_id) do nothing
"""
INVOICES = """
insert into billing_invoices
  (invoice_id, company_id, number, status, currency, total_minor, amount_paid_minor, created_at)
select id, company_id, number, status, currency, total, case when status = 'paid' then total else 0 end,
       to_timestamp(created)
from jsonb_to_recordset(%s::jsonb) as row(
  id text, company_id text, number text, status text, currency text, total bigint, created bigint)
on conflict (invoice_id) do nothing
"""


@dataclass(frozen=True)
class Company:
    """`number` is that of its id: 7 of `co_0007`."""

    number: int
    company_id: str
    customer: str

    @property
    def stem(self) -> str:
        return f"seed_{self.number:04d}"

    @property
    def currency(self) -> str:
        """Most pay in usd, one in five in eur, one in twenty in jpy."""
        if self.number % 20 == 3:
            return "jpy"
        return "eur" if self.number % 5 == 2 else "usd"


def seed_money(
    connection: "psycopg.Connection[tuple[Any, ...]]", customers: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two payments and two or three invoices each; the rows, which `send_money` takes to Stripe."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    companies = list(_companies(customers))
    invoices = [invoice for company in companies for invoice in _invoices(company, today)]
    payments = [payment for company in companies for payment in _payments(company, today)]
    connection.execute(PAYMENTS, (json.dumps(payments),))
    connection.execute(INVOICES, (json.dumps(invoices),))
    return payments, invoices


def send_money(stripe_url: str, payments: Sequence[dict[str, Any]], invoices: Sequence[dict[str, Any]]) -> None:
    """What Stripe has already stays as it is: it may have been refunded, paid or voided since."""
    ask(stripe_url, "POST", "payments", {"payments": payments, "keep": True})
    ask(stripe_url, "POST", "invoices", {"invoices": invoices, "keep": True})


def _companies(customers: Sequence[dict[str, Any]]) -> Iterator[Company]:
    """Those that the seed made, which are numbered."""
    for customer in customers:
        company_id = customer["metadata"]["company_id"]
        number = company_id.removeprefix("co_")
        if company_id.startswith("co_") and number.isdigit():
            yield Company(int(number), company_id, customer["id"])


def _payments(company: Company, today: datetime) -> Iterator[dict[str, Any]]:
    """The first one pays the first invoice."""
    for place in (1, 2):
        yield {
            "id": f"pi_{company.stem}_{place}",
            "company_id": company.company_id,
            "customer": company.customer,
            "amount": _with_tax(company, _net(company, place)),
            "currency": company.currency,
            "created": _created(company, place, today),
        }


def _invoices(company: Company, today: datetime) -> Iterator[dict[str, Any]]:
    statuses = ["paid", "open", "draft"] if company.number % DRAFT_EVERY == 0 else ["paid", "open"]
    for place, status in enumerate(statuses, 1):
        net = _net(company, place)
        invoice = {
            "id": f"in_{company.stem}_{place}",
            "company_id": company.company_id,
            "customer": company.customer,
            "status": status,
            "number": None if status == "draft" else f"SEED-{company.number:04d}-{place}",
            "currency": company.currency,
            "lines": [{"amount": net, "description": f"Usage of company {company.number}"}],
            "tax_percent": TAX_PERCENT if company.currency == "eur" else None,
            "total": _with_tax(company, net),
            "created": _created(company, place, today),
        }
        yield invoice | ({"payment_intent": f"pi_{company.stem}_1"} if status == "paid" else {})


def _net(company: Company, place: int) -> int:
    """Minor units before tax; the same for the same company and place, always."""
    return 1000 + (company.number * 7919 + place * 10_473) % 90_000


def _with_tax(company: Company, net: int) -> int:
    return net + (net * TAX_PERCENT + 50) // 100 if company.currency == "eur" else net


def _created(company: Company, place: int, today: datetime) -> int:
    """Epoch seconds, spread over the weeks before today."""
    days = 1 + (company.number * 3 + place * 11) % SPREAD_DAYS
    return int((today - timedelta(days=days) + timedelta(hours=place)).timestamp())
