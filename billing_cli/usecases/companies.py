"""Finding companies by their own id or by their Stripe customer."""

from collections.abc import Iterable

from billing_cli.domain.company import Company
from billing_cli.domain.ports import Database


def company(database: Database, company_id: str) -> Company:
    """Raises BadInput where it is unknown, Misconfigured where it has two Stripe customers."""
    return Company(**database.call("billing_company_v1", p_company_id=company_id))


def companies_by_customer(database: Database, customer_ids: Iterable[str]) -> dict[str, Company]:
    """The companies behind Stripe customers; customers of no company, or of several, are missing."""
    found = database.call("billing_companies_by_customer_v1", p_customer_ids=sorted(set(customer_ids)))
    return {customer: Company(**document) for customer, document in found.items()}
