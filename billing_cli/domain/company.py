"""A company of ours, and the Stripe customer it is."""

from dataclasses import dataclass

from billing_cli.domain.errors import BadInput


@dataclass(frozen=True)
class Company:
    """`stripe_customer_id` is None for a company that Stripe does not know yet."""

    company_id: str
    name: str | None
    stripe_customer_id: str | None

    @property
    def customer(self) -> str:
        """The Stripe customer. Raises BadInput where there is none."""
        if self.stripe_customer_id is None:
            raise BadInput(
                f"Company {self.company_id} has no Stripe customer.",
                "Set its stripe_customer_id in billing_companies.",
            )
        return self.stripe_customer_id
